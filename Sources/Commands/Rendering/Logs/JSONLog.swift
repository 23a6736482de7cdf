internal import CanonicalJSON
internal import Logging
internal import Planning
internal import ServingAPI

/// Log lines for programs on standard error: one JSON object per line, with the time, the level, the message, and the
/// metadata as members.
///
/// Nested metadata gets dotted names. Metadata with the name of one of the first three members gets a trailing
/// underscore.
struct JSONLog: LogHandler {
  let console: Console
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var facts: [(name: String, value: JSONValue)] = []
    for (name, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
      flatten(value, as: name, into: &facts)
    }
    if let error = event.error { facts.append(("error", .string(error.systemMessage))) }
    let head: [(String, JSONValue)] = [
      ("ts", .string(Timestamp(milliseconds: now()).text(withMilliseconds: true))),
      ("level", .string(event.level.rawValue)),
      ("msg", .string(console.suggestions.completed("\(event.message)"))),
    ]
    let members = (head + Self.unique(facts)).map { "\(JSONValue.string($0).text()):\($1.text())" }
    console.jsonNote("{\(members.joined(separator: ","))}")
  }

  private func flatten(
    _ value: Logger.Metadata.Value, as name: String, into facts: inout [(name: String, value: JSONValue)]
  ) {
    switch value {
    case .dictionary(let members):
      for (member, value) in members { flatten(value, as: "\(name).\(member)", into: &facts) }
    case .array, .string, .stringConvertible: facts.append((name, json(value)))
    }
  }

  private func json(_ value: Logger.Metadata.Value) -> JSONValue {
    switch value {
    case .string(let text): .string(console.suggestions.completed(text))
    case .stringConvertible(let value as Int): .int(Int64(value))
    case .stringConvertible(let value as Int64): .int(value)
    case .stringConvertible(let value as Double) where value.isFinite: .double(value)
    case .stringConvertible(let value as Bool): .bool(value)
    case .stringConvertible(let value): .string("\(value)")
    case .array(let items): .array(items.map(json))
    case .dictionary(let members): .object(members.mapValues(json))
    }
  }

  /// Returns the facts sorted by name, without duplicate names.
  private static func unique(_ facts: [(name: String, value: JSONValue)]) -> [(String, JSONValue)] {
    var taken: Set<String> = ["ts", "level", "msg"]
    return facts.sorted { $0.name < $1.name }.map { fact in
      var name = fact.name
      while !taken.insert(name).inserted { name += "_" }
      return (name, fact.value)
    }
  }
}
