import ModelRegistry

/// The files of a model version as its server lists them, checked: nothing in a listing can lead out of the version's
/// folder.
struct ArtifactTree: Hashable, Sendable {
  /// A file to download.
  struct File: Hashable, Sendable {
    /// Below the version's folder, such as `artifacts/weights/config.json`.
    let path: String
    /// In bytes.
    let size: Int64
  }

  private(set) var files: [File] = []
  /// A folder comes before its contents.
  private(set) var folders: [String] = []

  private static let largestCount = 10_000
  private static let maximumDepth = 32
  /// In bytes: far more than a model has. The sizes of all files can be added.
  private static let largestFile: Int64 = 1 << 46

  /// The size of all files, in bytes.
  var size: Int64 { files.reduce(0) { $0 + $1.size } }

  init(files: [File], folders: [String]) {
    self.files = files
    self.folders = folders
  }

  /// Reads the whole tree.
  ///
  /// - Parameter contents: lists a folder, by its path below the version's folder; empty for that folder itself.
  init(contents: (String) async throws(ModelError) -> [MLflowArtifact]) async throws(ModelError) {
    var pending = [""]
    while let folder = pending.popLast() {
      var names: Set<String> = []
      for artifact in try await contents(folder) {
        if let finding = Self.finding(artifact) {
          throw ModelError(code: .invalid, description: "the list of its artifacts is refused: \(finding)")
        }
        guard names.insert(artifact.name).inserted else {
          throw ModelError(
            code: .invalid, description: "the list of its artifacts is refused: it names \"\(artifact.name)\" twice")
        }
        let path = folder.isEmpty ? artifact.name : folder + "/" + artifact.name
        if artifact.isFolder {
          folders.append(path)
          pending.append(path)
        } else {
          files.append(File(path: path, size: artifact.size))
        }
        try checkBounds(path)
      }
    }
    files.sort { $0.path < $1.path }
  }

  private func checkBounds(_ path: String) throws(ModelError) {
    guard files.count + folders.count <= Self.largestCount else {
      throw ModelError(
        code: .invalid, description: "it has more than \(Self.largestCount) artifacts; register the files of one model")
    }
    guard path.split(separator: "/").count <= Self.maximumDepth else {
      throw ModelError(
        code: .invalid, description: "its artifacts are nested more than \(Self.maximumDepth) folders deep")
    }
  }

  /// What is wrong with an item of a listing; nil if nothing is.
  private static func finding(_ artifact: MLflowArtifact) -> String? {
    if let finding = Self.finding(artifact.name) { return finding }
    return (0...largestFile).contains(artifact.size) ? nil : "\"\(artifact.name)\" has \(artifact.size) bytes"
  }

  /// What is wrong with the name of a file or folder; nil if nothing is. Only a plain name stays in its folder.
  static func finding(_ name: String) -> String? {
    guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.contains("\\") else {
      return "\"\(name)\" is not the name of a file or folder"
    }
    guard name.utf8.count <= 255, name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      return "it contains a name that is too long or cannot be printed"
    }
    return nil
  }
}

/// The folder of a version's files, below a server's artifact root.
enum ArtifactFolder {
  /// Returns the path for a URI of MLflow.
  ///
  /// - Parameters:
  ///   - uri: such as `mlflow-artifacts:/0/RUN/artifacts/model`.
  ///   - server: the address of the server.
  /// - Throws: ``ModelError`` if the server does not pass on what is there.
  static func path(_ uri: String, server: String) throws(ModelError) -> String {
    let scheme = "mlflow-artifacts:"
    let proxy = server + "/api/2.0/mlflow-artifacts/artifacts/"
    var path: Substring
    if uri.hasPrefix(proxy) {
      path = uri.dropFirst(proxy.count)
    } else if uri.hasPrefix(scheme) {
      path = uri.dropFirst(scheme.count)
      if path.hasPrefix("//") {
        let host = path.dropFirst(2).prefix { $0 != "/" }
        guard host.isEmpty || server.hasSuffix("://\(host)") || server.contains("://\(host)/") else {
          throw ModelError(
            code: .invalid, description: "its artifacts are on another server (\(host)), not on \(server)")
        }
        path = path.dropFirst(2 + host.count)
      }
    } else {
      let place = uri.firstIndex(of: ":").map { "\(uri[..<$0]) storage" } ?? "a folder of the server's machine"
      throw ModelError(
        code: .invalid,
        description: "its artifacts are in \(place), which the MLflow server does not pass on; start the server with "
          + "--serve-artifacts and --artifacts-destination, and log the model again")
    }
    let segments = path.split(separator: "/").map(String.init)
    guard !segments.isEmpty, segments.allSatisfy({ ArtifactTree.finding($0) == nil }) else {
      throw ModelError(code: .invalid, description: "the place of its artifacts is not a valid path")
    }
    return segments.joined(separator: "/")
  }
}
