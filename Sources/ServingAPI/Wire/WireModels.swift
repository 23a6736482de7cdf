package import CanonicalJSON

/// A registered model of Unity Catalog (serving-api.md 1.4).
package struct WireRegisteredModel: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(fullName: String, aliases: [WireModelAlias]? = nil) {
    self.members = ["full_name": .string(fullName), "name": .string(Self.lastSegment(of: fullName))]
    self.aliases = aliases
  }

  package static let fields: [String: WireField] = [
    "full_name": .text, "name": .text, "catalog_name": .text, "schema_name": .text, "comment": .text, "owner": .text,
    "aliases": .list(.object(WireModelAlias.self)), "created_at": .number, "updated_at": .number,
  ]

  /// `catalog.schema.name`, or a bare registry name on a plane.
  package var fullName: String? { self[text: "full_name"] ?? self[text: "name"] }
  /// Sent only if the request has `include_aliases=true` (serving-api.md Q24).
  package var aliases: [WireModelAlias]? {
    get { self[list: "aliases"] }
    set { self[list: "aliases"] = newValue }
  }
  /// On a plane: which part of the model cannot be read.
  package var comment: String? {
    get { self[text: "comment"] }
    set { self[text: "comment"] = newValue }
  }
  /// Milliseconds since 1970.
  package var createdAt: Int64? {
    get { self[number: "created_at"] }
    set { self[number: "created_at"] = newValue }
  }
  /// Milliseconds since 1970.
  package var updatedAt: Int64? {
    get { self[number: "updated_at"] }
    set { self[number: "updated_at"] = newValue }
  }

  private static func lastSegment(of name: String) -> String {
    name.split(separator: ".").last.map(String.init) ?? name
  }
}

/// An alias of a registered model: the version that `@name` refers to now.
package struct WireModelAlias: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(aliasName: String, versionNum: Int64) {
    self.members = ["alias_name": .string(aliasName), "version_num": .int(versionNum)]
  }

  package static let fields: [String: WireField] = ["alias_name": .text, "version_num": .number]

  package var aliasName: String? { self[text: "alias_name"] }
  package var versionNum: Int64? { self[number: "version_num"] }
}

/// A model version of Unity Catalog. Its version is a number here, but text in a served entity (serving-api.md Q4).
package struct WireModelVersion: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(modelName: String, version: Int64, status: ModelVersionStatus) {
    self.members = [
      "model_name": .string(modelName), "version": .int(version), "status": .string(status.word),
    ]
  }

  package static let fields: [String: WireField] = [
    "model_name": .text, "catalog_name": .text, "schema_name": .text, "version": .textOrNumber, "status": .text,
    "source": .text, "storage_location": .text, "run_id": .text, "comment": .text, "created_at": .number,
    "aliases": .list(.object(WireModelAlias.self)), "entrypoint": .text, "task": .text, "size_bytes": .number,
    "bytes_done": .number, "bytes_total": .number,
  ]

  package var modelName: String? { self[text: "model_name"] }
  package var version: Int64? { self[textOrNumber: "version"].flatMap { Int64($0) } }
  /// A missing value reads as unknown.
  package var status: ModelVersionStatus { ModelVersionStatus(word: self[text: "status"] ?? "") }
  /// The source of the version; on a plane, the directory that it was registered from.
  package var source: String? {
    get { self[text: "source"] }
    set { self[text: "source"] = newValue }
  }
  package var storageLocation: String? {
    get { self[text: "storage_location"] }
    set { self[text: "storage_location"] = newValue }
  }
  /// Milliseconds since 1970.
  package var createdAt: Int64? {
    get { self[number: "created_at"] }
    set { self[number: "created_at"] = newValue }
  }
  package var aliases: [WireModelAlias]? {
    get { self[list: "aliases"] }
    set { self[list: "aliases"] = newValue }
  }
  /// On a plane: why the version cannot be served.
  package var comment: String? {
    get { self[text: "comment"] }
    set { self[text: "comment"] = newValue }
  }
  /// The start command from the model's metadata. A plane returns it; Unity Catalog does not.
  package var entrypoint: String? {
    get { self[text: "entrypoint"] }
    set { self[text: "entrypoint"] = newValue }
  }
  /// Such as `llm/v1/chat`. A plane returns it; Unity Catalog does not.
  package var task: String? {
    get { self[text: "task"] }
    set { self[text: "task"] = newValue }
  }
  /// The size of the version's files. A plane returns it.
  package var sizeBytes: Int64? {
    get { self[number: "size_bytes"] }
    set { self[number: "size_bytes"] = newValue }
  }
  /// On a plane, while the version is being registered: how many bytes have been taken.
  package var bytesDone: Int64? {
    get { self[number: "bytes_done"] }
    set { self[number: "bytes_done"] = newValue }
  }
  /// On a plane, while the version is being registered: how many bytes there are; missing while that is unknown.
  package var bytesTotal: Int64? {
    get { self[number: "bytes_total"] }
    set { self[number: "bytes_total"] = newValue }
  }
}

/// Whether a model version can be served. Only `READY` can (serving-api.md 1.4).
package enum ModelVersionStatus: Hashable, Sendable {
  case pendingRegistration
  case ready
  case failedRegistration
  /// A value that this version does not know, including the API's own `MODEL_VERSION_STATUS_UNKNOWN`.
  case unknown(String)

  package init(word: String) {
    self =
      switch word {
      case "PENDING_REGISTRATION": .pendingRegistration
      case "READY": .ready
      case "FAILED_REGISTRATION": .failedRegistration
      default: .unknown(word)
      }
  }

  /// The value on the wire.
  package var word: String {
    switch self {
    case .pendingRegistration: "PENDING_REGISTRATION"
    case .ready: "READY"
    case .failedRegistration: "FAILED_REGISTRATION"
    case .unknown(let word): word
    }
  }
}

/// One page of registered models.
package struct WireRegisteredModelPage: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(models: [WireRegisteredModel]) { self.members = ["registered_models": .array(models.map(\.json))] }

  package static let fields: [String: WireField] = [
    "registered_models": .list(.object(WireRegisteredModel.self)), "next_page_token": .text,
  ]

  package var models: [WireRegisteredModel] { self[list: "registered_models"] ?? [] }
  /// Present if there is more, even if this page is empty.
  package var nextPageToken: String? { self[text: "next_page_token"] }
}

/// One page of a model's versions, in no order; a page may be empty while `next_page_token` is present
/// (serving-api.md 1.4).
package struct WireModelVersionPage: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(versions: [WireModelVersion]) { self.members = ["model_versions": .array(versions.map(\.json))] }

  package static let fields: [String: WireField] = [
    "model_versions": .list(.object(WireModelVersion.self)), "next_page_token": .text,
  ]

  package var versions: [WireModelVersion] { self[list: "model_versions"] ?? [] }
  package var nextPageToken: String? { self[text: "next_page_token"] }
}

/// The body of `POST …/models/{name}/versions`, the plane's own call: registers the directory `source`, or a model of
/// a hub, as the next version, and creates the registered model if it does not exist.
package struct WireRegisterVersionRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(
    source: String? = nil, hub: String? = nil, revision: String? = nil, version: Int? = nil, entrypoint: String? = nil,
    task: String? = nil, followLinks: Bool = false, isBackground: Bool = false
  ) {
    self.members = [:]
    self[text: "source"] = source
    self[text: "hf"] = hub
    self[text: "revision"] = revision
    self.version = version.map { String($0) }
    self[text: "entrypoint"] = entrypoint
    self[text: "task"] = task
    if followLinks { members["follow_links"] = true }
    if isBackground { members["background"] = true }
  }

  package static let fields: [String: WireField] = [
    "source": .text, "hf": .text, "revision": .text, "version": .textOrNumber, "entrypoint": .text, "task": .text,
    "follow_links": .flag, "background": .flag,
  ]

  /// An absolute path on the plane's machine: an artifacts folder, or an MLflow model folder.
  package var source: String? { self[text: "source"] }
  /// Instead of a folder: a model of a Hugging Face hub, as `ORG/MODEL`.
  package var hub: String? { self[text: "hf"] }
  /// The model's branch, tag or commit; nil for the main branch.
  package var revision: String? { self[text: "revision"] }
  /// The requested version number, as in other registries: a number, or one in quotes; nil: the next one.
  package var version: String? {
    get { self[textOrNumber: "version"] }
    set { self[textOrNumber: "version"] = newValue }
  }
  /// The start command; nil if the folder defines it.
  package var entrypoint: String? { self[text: "entrypoint"] }
  /// Such as `llm/v1/chat`; nil if the folder defines it.
  package var task: String? { self[text: "task"] }
  /// Whether links may lead outside `source`.
  package var followLinks: Bool { self[flag: "follow_links"] ?? false }
  /// Whether the response comes before a long registration has ended, with the version as `PENDING_REGISTRATION`. The
  /// registration continues in either case if the client disconnects.
  package var isBackground: Bool { self[flag: "background"] ?? false }
}

/// The body of `PUT …/aliases/{alias}`.
package struct WireSetAliasRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(versionNum: Int64) { self.members = ["version_num": .int(versionNum)] }

  package static let fields: [String: WireField] = ["version_num": .number]

  package var versionNum: Int64? { self[number: "version_num"] }
}
