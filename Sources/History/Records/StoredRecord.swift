internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import Storage

/// A reader for records in JSON. A record with a missing field was damaged, or edited by hand.
struct StoredRecord {
  private let json: JSONValue
  /// The record's name, for messages.
  private let subject: String

  init(_ json: JSONValue, subject: String) {
    self.json = json
    self.subject = subject
  }

  init(parsing text: String, subject: String) throws(StorageError) {
    do { json = try JSONValue(parsing: text) } catch {
      throw StorageError(.damaged, "\(subject) is damaged: \(error)")
    }
    self.subject = subject
  }

  /// Returns the inner record, or nil if there is none.
  func record(_ key: String) -> StoredRecord? {
    guard let value = json[key], !value.isNull else { return nil }
    return StoredRecord(value, subject: subject)
  }

  func list(_ key: String) -> [StoredRecord] {
    (json[key]?.arrayValue ?? []).map { StoredRecord($0, subject: subject) }
  }

  func optionalText(_ key: String) -> String? { json[key]?.stringValue }
  func optionalInteger(_ key: String) -> Int64? { json[key]?.intValue }
  func flag(_ key: String) -> Bool { json[key]?.boolValue ?? false }

  func text(_ key: String) throws(StorageError) -> String { try found(json[key]?.stringValue, key) }
  func integer(_ key: String) throws(StorageError) -> Int { try found(json[key]?.intValue.flatMap(Int.init), key) }

  func time(_ key: String) throws(StorageError) -> Timestamp {
    Timestamp(milliseconds: try found(json[key]?.intValue, key))
  }

  func digest(_ key: String) throws(StorageError) -> ConfigDigest {
    try found(json[key]?.stringValue.flatMap(ConfigDigest.init(hex:)), key)
  }

  func optionalDigest(_ key: String) -> ConfigDigest? { json[key]?.stringValue.flatMap(ConfigDigest.init(hex:)) }

  /// Returns a value of an enumeration.
  func word<Word: RawRepresentable>(_ key: String, as: Word.Type) throws(StorageError) -> Word
  where Word.RawValue == String {
    try found(json[key]?.stringValue.flatMap(Word.init(rawValue:)), key)
  }

  private func found<Value>(_ value: Value?, _ key: String) throws(StorageError) -> Value {
    guard let value else { throw StorageError(.damaged, "\(subject) is damaged: \(key) is missing or invalid") }
    return value
  }
}

extension JSONValue {
  /// Returns an object without the members that have no value.
  static func object(present members: [String: JSONValue?]) -> JSONValue { .object(members.compactMapValues { $0 }) }

  static func time(_ time: Timestamp) -> JSONValue { .int(time.milliseconds) }
  static func digest(_ digest: ConfigDigest) -> JSONValue { .string(digest.hex) }
}
