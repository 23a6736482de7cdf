internal import CanonicalJSON
internal import ServingAPI

/// A model version in an MLflow server's responses (serving-api.md 1.5). Its version is a string, while Unity Catalog
/// uses a number.
struct WireMLflowVersion: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = [
    "name": .text, "version": .textOrNumber, "status": .text, "status_message": .text, "run_id": .text,
    "source": .text, "creation_timestamp": .textOrNumber,
  ]

  var registered: RegisteredVersion? {
    guard let number = self[textOrNumber: "version"].flatMap({ Int64($0) }) else { return nil }
    // READY is the default in the API's own definition, so a server may omit it.
    return RegisteredVersion(
      number, self[text: "status"].map { ModelVersionStatus(word: $0) } ?? .ready,
      statusMessage: self[text: "status_message"] ?? "")
  }

  /// The version with its origin; nil if it has no number.
  var detailed: MLflowVersion? {
    registered.map { version in
      MLflowVersion(
        version: version, run: self[text: "run_id"] ?? "", source: self[text: "source"] ?? "",
        created: self[textOrNumber: "creation_timestamp"].flatMap { Int64($0) } ?? 0)
    }
  }
}

/// The response for one version.
struct WireMLflowVersionResponse: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["model_version": .object(WireMLflowVersion.self)]

  var version: WireMLflowVersion? { self[object: "model_version"] }
}

/// One page of versions. An empty page has no list at all.
struct WireMLflowVersionPage: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = [
    "model_versions": .list(.object(WireMLflowVersion.self)), "next_page_token": .text,
  ]

  var versions: [WireMLflowVersion] { self[list: "model_versions"] ?? [] }
  var nextPageToken: String? { self[text: "next_page_token"] }
}

/// An alias of a registered model.
struct WireMLflowAlias: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["alias": .text, "version": .textOrNumber]

  var alias: String? { self[text: "alias"] }
  var version: Int64? { self[textOrNumber: "version"].flatMap { Int64($0) } }
}

/// A registered model with its aliases.
struct WireMLflowModel: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["name": .text, "aliases": .list(.object(WireMLflowAlias.self))]

  var name: String? { self[text: "name"] }
  var aliases: [WireMLflowAlias] { self[list: "aliases"] ?? [] }

  /// The versions of the aliases.
  var aliasVersions: [String: Int64] {
    let pairs = aliases.compactMap { alias in alias.alias.flatMap { name in alias.version.map { (name, $0) } } }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }
}

/// One page of registered models. An empty page has no list at all.
struct WireMLflowModelPage: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = [
    "registered_models": .list(.object(WireMLflowModel.self)), "next_page_token": .text,
  ]

  var models: [WireMLflowModel] { self[list: "registered_models"] ?? [] }
  var nextPageToken: String? { self[text: "next_page_token"] }
}

/// The response for one model.
struct WireMLflowModelResponse: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["registered_model": .object(WireMLflowModel.self)]

  var model: WireMLflowModel? { self[object: "registered_model"] }
}

/// The response with the place of a version's files.
struct WireMLflowDownloadURI: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["artifact_uri": .text]

  var uri: String? { self[text: "artifact_uri"] }
}

/// The response for a logged model, from which a version may have been registered.
struct WireMLflowLoggedModelResponse: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["model": .object(WireMLflowLoggedModel.self)]

  var model: WireMLflowLoggedModel? { self[object: "model"] }
}

/// A logged model.
struct WireMLflowLoggedModel: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["info": .object(WireMLflowDownloadURI.self)]

  var info: WireMLflowDownloadURI? { self[object: "info"] }
}

/// The contents of an artifact folder. An empty folder has no list at all.
struct WireMLflowArtifacts: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["files": .list(.object(WireMLflowArtifact.self))]

  var files: [WireMLflowArtifact] { self[list: "files"] ?? [] }
}

/// A file or folder in an artifact folder.
struct WireMLflowArtifact: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["path": .text, "is_dir": .flag, "file_size": .textOrNumber]

  var artifact: MLflowArtifact {
    MLflowArtifact(
      name: self[text: "path"] ?? "", isFolder: self[flag: "is_dir"] ?? false,
      // An empty file has no size.
      size: self[textOrNumber: "file_size"].flatMap { Int64($0) } ?? 0)
  }
}
