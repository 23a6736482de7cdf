import FileSystem
import FoundationEssentials
import Glibc
import ServingAPI

/// Files that were taken out of the cache.
struct DiscardedFiles: Hashable, Sendable {
  /// Where they were.
  let path: String
  /// What they are, such as `version 7 of model hello, which no endpoint needs`.
  let what: String
  /// Where they are now: nobody misses them there.
  let folder: String
}

// Removing versions. Whatever the plane has not created is left alone.
extension ArtifactCache {
  /// The names of the files and folders of each version that has any, in its model's folder, sorted.
  func contents() -> [ModelVersionID: [String]] {
    var found: [ModelVersionID: [String]] = [:]
    for model in names(in: path) where ModelName.finding(model) == nil {
      for name in names(in: path + "/" + model) {
        guard let number = Self.number(of: name) else { continue }
        found[ModelVersionID(model: model, number: number), default: []].append(name)
      }
    }
    return found
  }

  /// The folders of versions that were moved aside, and not removed then.
  func movedAside() -> [DiscardedFiles] {
    names(in: path).filter { $0.hasPrefix(Self.asidePrefix) }.map { name in
      DiscardedFiles(path: path + "/" + name, what: "a deleted version", folder: path + "/" + name)
    }
  }

  /// What the removal of a version's files frees, in bytes.
  func size(of version: ModelVersionID, _ files: [String]) -> Int64 {
    files.reduce(0) { $0 + FolderSize(of: "\(path)/\(version.model)/\($1)").freeable }
  }

  /// What the files of a version are, and the most telling of their paths.
  func description(of version: ModelVersionID, _ files: [String]) -> (path: String, what: String) {
    let folder = path + "/" + version.model
    let whole = files.first { !$0.contains(".") } ?? files.first ?? ""
    let isIncomplete = files.contains { $0.hasSuffix(Self.partialSuffix) && !names(in: folder + "/" + $0).isEmpty }
    let what = "version \(version.number) of model \(version.model), which no endpoint needs"
    return (folder + "/" + whole, isIncomplete ? "an incomplete download of \(what)" : what)
  }

  /// Moves the files of a version to where nobody looks for them: first the record, so that a version without all of
  /// its files is never found.
  ///
  /// - Returns: where they are now.
  func moveAside(_ version: ModelVersionID, _ files: [String]) throws(ModelError) -> DiscardedFiles {
    let (place, what) = description(of: version, files)
    let aside = path + "/" + Self.asidePrefix + String(UInt64.random(in: .min ... .max), radix: 16)
    try makeFolder(aside)
    let folder = path + "/" + version.model
    for name in files.sorted(by: { $0.hasSuffix(".json") && !$1.hasSuffix(".json") }) {
      guard rename(folder + "/" + name, aside + "/" + name) == 0 || access(folder + "/" + name, F_OK) != 0 else {
        throw failure("\(folder)/\(name) cannot be moved to \(aside)", .last)
      }
    }
    return DiscardedFiles(path: place, what: what, folder: aside)
  }

  /// Removes a model's folder if nothing is in it.
  func removeIfEmpty(_ model: String) { rmdir(path + "/" + model) }

  /// Removes files that were moved aside.
  ///
  /// - Returns: the number of bytes that it freed.
  func removeFolder(_ folder: String) throws(ModelError) -> Int64 {
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

  private func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  /// The number of the version to which a file or folder of that name belongs: `7.json` and its drafts, `7-KEY` and
  /// `7-KEY.partial`. Nil for any other name.
  private static func number(of name: String) -> Int? {
    let digits = name.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits), String(number) == digits else { return nil }
    let rest = name.dropFirst(digits.count)
    if rest == ".json" || rest.hasPrefix(".json.") && rest.hasSuffix(".tmp") { return number }
    let key = rest.hasSuffix(partialSuffix) ? rest.dropLast(partialSuffix.count) : rest
    return key.first == "-" && key.count == 17 && key.dropFirst().allSatisfy(\.isHexDigit) ? number : nil
  }

  private static let partialSuffix = ".partial"
  private static let asidePrefix = ".deleted-"
}
