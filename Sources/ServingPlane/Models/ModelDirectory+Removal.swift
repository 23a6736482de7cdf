import CanonicalJSON
import FileSystem
import FoundationEssentials
import Glibc
import ServingAPI
import Synchronization

/// Files in the models folder that belong to no version.
struct ModelLeftover: Hashable, Sendable {
  let path: String
  /// What they are, such as `an interrupted registration of main.support.qwen3 version 7 from /srv/qwen3`.
  let what: String
  /// What their removal frees, in bytes.
  let bytes: Int64
}

// Removing versions, and what belongs to none.
extension ModelDirectory {
  /// Deletes a version, and the model itself if it has no other. It is gone at once; its files are moved to a folder
  /// that ``removeFolder(_:)`` removes.
  ///
  /// - Parameter aliases: the version's aliases to be removed with it; another one that points to it is an error.
  /// - Returns: the folder with the files.
  func deleteVersion(_ model: String, _ number: Int, aliases named: Set<String> = []) throws(ModelError) -> String {
    try check(model)
    let aside = path + "/" + Self.deletedPrefix + (try randomName())
    try registrations.withLock { _ throws(ModelError) in
      let present = numbers(model)
      if present.isEmpty { throw ModelError(code: .missing, description: "model \"\(model)\" does not exist") }
      guard present.contains(number) else { throw missing(model, number) }
      try refuseAliases(model, number, except: named)
      // Anything else in the folder is somebody else's, and stays.
      let isWhole = hasOnly([number], model)
      if !isWhole {
        if !named.isEmpty { try changeAliases(model) { $0 = $0.filter { !named.contains($0.key) } } }
        if number == present.last {
          try replace(deletedPath(model), with: ["highest": .int(Int64(max(number, highestDeleted(model))))])
        }
      }
      // Both are one step, after which nothing can find the version any more.
      let folder = isWhole ? "\(path)/\(model)" : versionsPath(model) + "/\(number)"
      guard rename(folder, aside) == 0 else {
        throw ModelError(code: .storage, description: "\(folder) cannot be moved to \(aside): \(SystemError.last)")
      }
    }
    return aside
  }

  private func refuseAliases(_ model: String, _ number: Int, except named: Set<String>) throws(ModelError) {
    let pointing = Set(try aliases(model).filter { $0.value == number }.keys)
    if let other = named.subtracting(pointing).min() {
      throw ModelError(
        code: .missing,
        description: "model \"\(model)\" has no alias \"\(other)\" that points to version \(number)")
    }
    let kept = pointing.subtracting(named).sorted()
    guard let first = kept.first else { return }
    let shown = kept.map { "\"\($0)\"" }.joined(separator: ", ")
    throw ModelError(
      code: .inUse,
      description: "version \(number) of model \"\(model)\" has the \(kept.count == 1 ? "alias" : "aliases") \(shown): "
        + "point \(kept.count == 1 ? "it" : "them") at another version first, or delete "
        + "\(kept.count == 1 ? "it" : "them") with the version (--alias \(first))")
  }

  /// Removes a folder or file of the models folder.
  ///
  /// - Returns: the number of bytes that it freed; 0 if it is being removed already.
  @discardableResult
  func removeFolder(_ folder: String) throws(ModelError) -> Int64 {
    let isFirst = registrations.withLock { reserved in reserved.removals.insert(folder).inserted }
    guard isFirst else { return 0 }
    defer { registrations.withLock { reserved in _ = reserved.removals.remove(folder) } }
    let size = FolderSize(of: folder)
    do { try FileManager.default.removeItem(atPath: folder) } catch {
      // It may have been removed by somebody else in the meantime.
      guard access(folder, F_OK) == 0 else { return 0 }
      throw ModelError(
        code: .storage,
        description: "\(folder) cannot be removed: \(error.systemMessage); remove it, or run \"setpoint models gc\"")
    }
    return size.freeable
  }

  /// What belongs to no version and to no registration in progress.
  func leftovers() -> [ModelLeftover] {
    registrations.withLock { reserved in
      let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
      return names.flatMap { name -> [ModelLeftover] in
        let whole = path + "/" + name
        if name.hasPrefix(Self.incomingPrefix) {
          return reserved.folders.contains(whole) ? [] : [leftover(whole, interrupted(whole))]
        }
        if name.hasPrefix(Self.downloadPrefix) {
          let model = name.dropFirst(Self.downloadPrefix.count).replacing("--", with: "/")
          return reserved.folders.contains(whole) ? [] : [leftover(whole, "an interrupted download of \(model)")]
        }
        if name.hasPrefix(Self.deletedPrefix) {
          return reserved.removals.contains(whole) ? [] : [leftover(whole, "a deleted version")]
        }
        guard ModelName.finding(name) == nil, reserved.numbers[name] == nil else { return [] }
        return leftovers(ofModel: name)
      }
    }
  }

  /// Removes what ``leftovers()`` finds.
  func collectGarbage() throws(ModelError) -> [ModelLeftover] {
    var removed: [ModelLeftover] = []
    for leftover in leftovers() {
      guard let folder = try moveAside(leftover) else { continue }
      try removeFolder(folder)
      removed.append(leftover)
    }
    return removed
  }

  /// Moves what was found to where no registration puts anything.
  ///
  /// - Returns: nil if it belongs to a version or a registration by now.
  private func moveAside(_ leftover: ModelLeftover) throws(ModelError) -> String? {
    if leftover.path.hasPrefix(path + "/" + Self.deletedPrefix) { return leftover.path }
    let name = String(leftover.path.dropFirst(path.count + 1).prefix { $0 != "/" })
    let aside = path + "/" + Self.deletedPrefix + (try randomName())
    return registrations.withLock { reserved in
      let isLeft =
        name.hasPrefix(".")
        ? !reserved.folders.contains(leftover.path)
        : reserved.numbers[name] == nil && leftovers(ofModel: name).contains { $0.path == leftover.path }
      guard isLeft, rename(leftover.path, aside) == 0 else { return nil }
      return aside
    }
  }

  /// Removes what a killed plane left of registrations and deletions. Downloads are kept, to be resumed.
  ///
  /// - Returns: what it removed.
  @discardableResult
  func removeIncomplete() -> [ModelLeftover] {
    leftovers().filter { leftover in
      guard leftover.path.hasPrefix(path + "/."), !leftover.path.hasPrefix(path + "/" + Self.downloadPrefix)
      else { return false }
      return (try? removeFolder(leftover.path)) != nil
    }
  }

  /// The highest number of a deleted version, which is not assigned again; 0 if there is none. A model that was deleted
  /// as a whole begins at 1 again.
  func highestDeleted(_ model: String) -> Int {
    (try? json(deletedPath(model)))?["highest"]?.intValue.flatMap { Int(exactly: $0) } ?? 0
  }

  private func deletedPath(_ model: String) -> String { "\(path)/\(model)/deleted.json" }

  /// A model's folder without versions, and the drafts of files that were not moved into place.
  private func leftovers(ofModel name: String) -> [ModelLeftover] {
    let folder = path + "/" + name
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    if hasOnly([], name) { return [leftover(folder, "a model without versions")] }
    return files.filter(Self.drafts.contains).sorted().map {
      leftover(folder + "/" + $0, "a file that was not completed")
    }
  }

  /// Whether a model's folder has only these versions, and otherwise only files of the plane. False if it cannot be
  /// read.
  private func hasOnly(_ numbers: [Int], _ model: String) -> Bool {
    guard let files = try? FileManager.default.contentsOfDirectory(atPath: path + "/" + model),
      let versions = try? FileManager.default.contentsOfDirectory(atPath: versionsPath(model))
    else { return false }
    return Self.records.union(Self.drafts).union(["versions"]).isSuperset(of: files)
      && Set(versions) == Set(numbers.map { String($0) })
  }

  /// The plane's files in a model's folder, and their names before they are complete.
  private static let records: Set<String> = ["aliases.json", "deleted.json"]
  private static let drafts = Set(records.map { $0 + draftSuffix })

  private func leftover(_ path: String, _ what: String) -> ModelLeftover {
    ModelLeftover(path: path, what: what, bytes: FolderSize(of: path).freeable)
  }

  private func interrupted(_ folder: String) -> String {
    guard let record = try? json(folder + "/version.json"), let model = record["model"]?.stringValue,
      let number = record["version"]?.intValue, let source = record["source"]?.stringValue
    else { return "an interrupted registration" }
    return "an interrupted registration of \(model) version \(number) from \(source)"
  }

  /// The beginning of the names of folders with deleted versions.
  static let deletedPrefix = ".deleted-"
}
