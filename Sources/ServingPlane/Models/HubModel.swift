import FoundationEssentials

/// A model of a Hugging Face hub.
struct HubModel: Hashable, Sendable {
  /// `ORG/MODEL`, or the name of a model without an organization.
  let repository: String
  /// A branch, a tag or a commit; nil for the main branch.
  let revision: String?

  /// - Throws: ``ModelError`` for names that no hub has, and that would mean something else on a command line or in a
  ///   path.
  init(_ repository: String, revision: String?) throws(ModelError) {
    let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy(Self.isName), !repository.contains("--") else {
      throw ModelError(
        code: .invalid, description: "\"\(repository)\" is not the name of a model on the hub, such as Qwen/Qwen3-8B")
    }
    if let revision {
      let parts = revision.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.allSatisfy(Self.isName) else {
        throw ModelError(
          code: .invalid, description: "\"\(revision)\" is not a valid revision: a branch, a tag or a commit")
      }
    }
    self.repository = repository
    self.revision = revision
  }

  private static func isName(_ part: Substring) -> Bool {
    guard let first = part.utf8.first, part.utf8.count <= 96, first != UInt8(ascii: "-"), first != UInt8(ascii: ".")
    else { return false }
    return part.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
  }

  /// Such as `hf:Qwen/Qwen3-8B`.
  var text: String { "hf:" + repository + (revision.map { "@" + $0 } ?? "") }

  /// The repository as part of a file's name.
  var fileName: String { repository.replacing("/", with: "--") }

  /// The words after `hf` that download the model.
  ///
  /// - Parameter cache: the folder of a cache in the form of the hub's library.
  func arguments(cache: String) -> [String] {
    ["download", repository, "--cache-dir", cache] + (revision.map { ["--revision", $0] } ?? [])
  }

  private func folder(in cache: String) -> String { "\(cache)/models--\(fileName)" }

  /// Whether something of the model has been downloaded. Blocks on the disk.
  ///
  /// - Parameter cache: the folder of the cache.
  func hasFiles(in cache: String) -> Bool { FolderSize(of: folder(in: cache) + "/blobs").bytes > 0 }

  /// The downloaded files and their commit.
  ///
  /// - Parameter cache: the folder of the cache.
  func snapshot(in cache: String) throws(ModelError) -> HubSnapshot {
    let folder = folder(in: cache)
    let revision = self.revision ?? "main"
    // A commit has no entry of its own.
    let entry = try? String(contentsOfFile: "\(folder)/refs/\(revision)", encoding: .utf8)
    let commit = entry?.trimming(" \r\n") ?? revision
    let path = "\(folder)/snapshots/\(commit)"
    guard Self.isName(commit[...]), FileManager.default.fileExists(atPath: path) else {
      throw ModelError(code: .storage, description: "hf downloaded \(text), but \(folder) has no snapshot of it")
    }
    return HubSnapshot(path: path, origin: "hf:\(repository)@\(commit)")
  }
}

/// A downloaded revision of a model.
struct HubSnapshot: Hashable, Sendable {
  /// The folder with the files.
  let path: String
  /// The model with its commit, such as `hf:Qwen/Qwen3-8B@b968826d9c46dd6066d109eabc6255188de91218`.
  let origin: String
}
