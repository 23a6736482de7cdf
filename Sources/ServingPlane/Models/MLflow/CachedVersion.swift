import CanonicalJSON
import LibCrypto

/// A version of an MLflow server as a plane has recorded it: where its files come from, and how to serve them.
struct CachedVersion: Hashable, Sendable {
  /// What makes a version the same as the recorded one: a server may delete a version and give its number away again.
  struct Origin: Hashable, Sendable {
    let model: String
    let number: Int
    /// The run that logged it.
    let run: String
    /// Where it was registered from.
    let source: String
    /// The folder of its files, below the server's artifact root.
    let folder: String

    /// The name of the folder for its files on this machine.
    var key: String {
      let whole: JSONValue = [
        "model": .string(model), "version": .int(Int64(number)), "run": .string(run), "source": .string(source),
        "folder": .string(folder),
      ]
      return "\(number)-" + SHA256.hash(whole.bytes()).hexString.prefix(16)
    }
  }

  let origin: Origin
  var tree: ArtifactTree
  let entrypoint: String
  /// Such as `llm/v1/chat`.
  let task: String
  /// Whether it is an MLflow model, and not a folder with a `config.json`.
  let isMLflow: Bool
  /// Milliseconds since 1970.
  let created: Int64

  init(
    origin: Origin, tree: ArtifactTree, entrypoint: String, task: String, isMLflow: Bool, created: Int64
  ) {
    self.origin = origin
    self.tree = tree
    self.entrypoint = entrypoint
    self.task = task
    self.isMLflow = isMLflow
    self.created = created
  }

  /// Returns the version for a plane.
  ///
  /// - Parameter folder: of its files.
  func version(in folder: String) -> ModelVersion {
    let hasArtifacts = isMLflow && tree.folders.contains("artifacts")
    return ModelVersion(
      model: origin.model, number: origin.number, task: task, entrypoint: entrypoint,
      artifacts: hasArtifacts ? folder + "/artifacts" : folder, source: origin.source, created: created)
  }
}

extension CachedVersion {
  var json: JSONValue {
    let folders = tree.folders.map { JSONValue.string($0) }
    let files = tree.files.map { file -> JSONValue in ["path": .string(file.path), "size": .int(file.size)] }
    return [
      "model": .string(origin.model), "version": .int(Int64(origin.number)), "run": .string(origin.run),
      "source": .string(origin.source), "folder": .string(origin.folder), "entrypoint": .string(entrypoint),
      "task": .string(task), "mlflow": .bool(isMLflow), "created_at": .int(created),
      "folders": .array(folders), "files": .array(files),
    ]
  }

  /// - Returns: nil if a member is missing or names a place outside the version's folder.
  init?(_ json: JSONValue) {
    guard let model = json["model"]?.stringValue, let number = json["version"]?.intValue,
      let entrypoint = json["entrypoint"]?.stringValue, let folder = json["folder"]?.stringValue,
      let listed = json["files"]?.arrayValue
    else { return nil }
    let files = listed.compactMap { file -> ArtifactTree.File? in
      guard let path = file["path"]?.stringValue, let size = file["size"]?.intValue, size >= 0 else { return nil }
      return ArtifactTree.File(path: path, size: size)
    }
    let folders = (json["folders"]?.arrayValue ?? []).compactMap(\.stringValue)
    let isInside = { (path: String) -> Bool in
      let segments = path.split(separator: "/", omittingEmptySubsequences: false)
      return segments.allSatisfy { ArtifactTree.finding(String($0)) == nil }
    }
    guard files.count == listed.count, files.allSatisfy({ isInside($0.path) }), folders.allSatisfy(isInside) else {
      return nil
    }
    self.init(
      origin: Origin(
        model: model, number: Int(clamping: number), run: json["run"]?.stringValue ?? "",
        source: json["source"]?.stringValue ?? "", folder: folder),
      tree: ArtifactTree(files: files, folders: folders), entrypoint: entrypoint,
      task: json["task"]?.stringValue ?? "llm/v1/chat", isMLflow: json["mlflow"]?.boolValue ?? true,
      created: json["created_at"]?.intValue ?? 0)
  }
}
