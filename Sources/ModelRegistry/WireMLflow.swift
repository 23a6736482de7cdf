internal import CanonicalJSON
internal import ServingAPI

/// A model version in an MLflow server's responses (serving-api.md 1.5). Its version is a string, while Unity Catalog
/// uses a number.
struct WireMLflowVersion: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = [
    "name": .text, "version": .textOrNumber, "status": .text, "status_message": .text,
  ]

  var registered: RegisteredVersion? {
    guard let number = self[textOrNumber: "version"].flatMap({ Int64($0) }) else { return nil }
    // READY is the default in the API's own definition, so a server may omit it.
    return RegisteredVersion(
      number, self[text: "status"].map { ModelVersionStatus(word: $0) } ?? .ready,
      statusMessage: self[text: "status_message"] ?? "")
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
}

/// A registered model with its aliases.
struct WireMLflowModel: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["name": .text, "aliases": .list(.object(WireMLflowAlias.self))]

  var aliases: [WireMLflowAlias] { self[list: "aliases"] ?? [] }
}

/// The response for one model.
struct WireMLflowModelResponse: WireObject {
  var members: [String: JSONValue]

  static let fields: [String: WireField] = ["registered_model": .object(WireMLflowModel.self)]

  var model: WireMLflowModel? { self[object: "registered_model"] }
}
