package import CanonicalJSON

/// The response of `DELETE …/models/{name}/versions/{version}` of a plane.
package struct WireDeletedVersion: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(
    modelName: String, version: Int64, freedBytes: Int64, isModelDeleted: Bool, isRegistrationCanceled: Bool = false
  ) {
    self.members = [
      "model_name": .string(modelName), "version": .int(version), "freed_bytes": .int(freedBytes),
      "model_deleted": .bool(isModelDeleted), "registration_canceled": .bool(isRegistrationCanceled),
    ]
  }

  package static let fields: [String: WireField] = [
    "model_name": .text, "version": .textOrNumber, "freed_bytes": .number, "model_deleted": .flag,
    "registration_canceled": .flag,
  ]

  /// The number of bytes that the deletion freed: hard-linked weights free nothing while another link exists.
  package var freedBytes: Int64 { self[number: "freed_bytes"] ?? 0 }
  /// Whether it was the last version, so that the model is gone too.
  package var isModelDeleted: Bool { self[flag: "model_deleted"] ?? false }
  /// Whether the version was being registered, and the registration was canceled.
  package var isRegistrationCanceled: Bool { self[flag: "registration_canceled"] ?? false }
}

/// The body of `POST …/models:gc`, the plane's own call: removes files that belong to no version.
package struct WireCollectGarbageRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(isDryRun: Bool) { self.members = ["dry_run": .bool(isDryRun)] }

  package static let fields: [String: WireField] = ["dry_run": .flag]

  /// Whether files are only listed.
  package var isDryRun: Bool { self[flag: "dry_run"] ?? false }
}

/// The response of `POST …/models:gc`.
package struct WireGarbage: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(items: [WireLeftover], isDryRun: Bool) {
    self.members = ["items": .array(items.map(\.json)), "dry_run": .bool(isDryRun)]
  }

  package static let fields: [String: WireField] = ["items": .list(.object(WireLeftover.self)), "dry_run": .flag]

  package var items: [WireLeftover] { self[list: "items"] ?? [] }
}

/// A file or folder that belongs to no version.
package struct WireLeftover: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(path: String, what: String, bytes: Int64) {
    self.members = ["path": .string(path), "description": .string(what), "bytes": .int(bytes)]
  }

  package static let fields: [String: WireField] = ["path": .text, "description": .text, "bytes": .number]

  package var path: String? { self[text: "path"] }
  /// Such as `a deleted version`.
  package var what: String? { self[text: "description"] }
  /// The number of bytes that its removal frees.
  package var bytes: Int64 { self[number: "bytes"] ?? 0 }
}
