import CanonicalJSON

/// Why a backup was not made or not restored, and what to do about it.
package struct BackupError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  package let next: String

  package init(_ message: String, next: String) {
    self.message = message
    self.next = next
  }

  package var description: String { "\(message); \(next)" }
}

/// What a backup holds: the first file in it.
package struct BackupManifest: Hashable, Sendable {
  /// A database in the backup.
  package struct Store: Hashable, Sendable {
    /// Its name in the data directory, and in the archive.
    package let name: String
    package let size: Int64
    /// The SHA-256 of its bytes, in hexadecimal digits.
    package let digest: String
    /// The names of the migrations that it has.
    package let migrations: [String]
  }

  /// A registered version, whose files are not in the backup.
  package struct Model: Hashable, Sendable {
    package let name: String
    package let version: Int
    /// The size of its files in bytes; nil if that is not recorded.
    package let size: Int64?
    /// The SHA-256 of its `version.json`, in hexadecimal digits.
    package let digest: String
    /// The folder or hub model from which it was registered.
    package let source: String
  }

  /// The form of the archive.
  static let format: Int64 = 1
  static let fileName = "manifest.json"
  /// The stores that a backup may hold; the first one must be in it.
  static let storeNames = ["setpoint.sqlite", "telemetry.sqlite"]

  /// Setpoint's version.
  package let version: String
  /// Milliseconds since 1970.
  package let created: Int64
  package let stores: [Store]
  package let models: [Model]
}

extension BackupManifest {
  var json: JSONValue {
    [
      "kind": "SetpointBackup", "format": .int(Self.format), "version": .string(version), "created_at": .int(created),
      "stores": .array(
        stores.map { store -> JSONValue in
          [
            "name": .string(store.name), "bytes": .int(store.size), "sha256": .string(store.digest),
            "migrations": .array(store.migrations.map { .string($0) }),
          ]
        }),
      "models": .array(
        models.map { model -> JSONValue in
          [
            "model": .string(model.name), "version": .int(Int64(model.version)),
            "bytes": model.size.map { JSONValue.int($0) } ?? .null, "version_json_sha256": .string(model.digest),
            "source": .string(model.source),
          ]
        }),
    ]
  }

  /// Nil if it is not a manifest in this form.
  init?(_ json: JSONValue) {
    guard json["format"]?.intValue == Self.format, let version = json["version"]?.stringValue,
      let created = json["created_at"]?.intValue, let stores = json["stores"]?.arrayValue,
      let models = json["models"]?.arrayValue
    else { return nil }
    self.version = version
    self.created = created
    self.stores = stores.compactMap { Store($0) }
    self.models = models.compactMap { Model($0) }
    guard self.stores.count == stores.count, self.models.count == models.count else { return nil }
  }
}

extension BackupManifest.Store {
  fileprivate init?(_ json: JSONValue) {
    guard let name = json["name"]?.stringValue, let size = json["bytes"]?.intValue, size >= 0,
      let digest = json["sha256"]?.stringValue, let migrations = json["migrations"]?.arrayValue
    else { return nil }
    self.init(name: name, size: size, digest: digest, migrations: migrations.compactMap(\.stringValue))
  }
}

extension BackupManifest.Model {
  fileprivate init?(_ json: JSONValue) {
    // Both become part of a path.
    guard let name = json["model"]?.stringValue, ModelName.finding(name) == nil,
      let version = json["version"]?.intValue.flatMap({ Int(exactly: $0) }), version > 0,
      let digest = json["version_json_sha256"]?.stringValue
    else { return nil }
    self.init(
      name: name, version: version, size: json["bytes"]?.intValue, digest: digest,
      source: json["source"]?.stringValue ?? "")
  }
}
