import CanonicalJSON
import HTTPSupport
import NIOCore

/// The body of a request to a `generate` route, which is the same for every chat model.
struct GenerateRequest: Hashable, Sendable {
  enum Field: String, CaseIterable, Sendable {
    case prompt
    case systemMessage = "system_message"
    case maxTokens = "max_tokens"
    case temperature, metadata, stream, adapter
  }

  let prompt: String
  let systemMessage: String?
  let maxTokens: Int64?
  let temperature: Double?
  /// What the client notes about the request, for its record.
  let metadata: [String: String]
  let isStream: Bool
  /// The LoRA adapter to use; nil for the endpoint's model itself.
  let adapter: String?

  /// - Throws: an error that names every invalid field.
  init(parsing bytes: ByteBuffer) throws(GatewayError) {
    var reader: FieldReader
    do throws(QueryBody.Malformed) { reader = try FieldReader(bytes) } catch { throw .malformed(error) }
    let text = reader.read(.prompt, "a non-empty string", isRequired: true, \.stringValue) { !$0.isEmpty }
    systemMessage = reader.read(.systemMessage, "a string", \.stringValue)
    maxTokens = reader.read(.maxTokens, Self.maxTokensRule, \.intValue) { $0 >= 1 }
    temperature = reader.read(.temperature, "a number from 0 to 2", \.doubleValue) { $0 >= 0 && $0 <= 2 }
    metadata = reader.read(.metadata, Self.metadataRule, Self.shortTexts) ?? [:]
    isStream = reader.read(.stream, "true or false", \.boolValue) ?? false
    adapter = reader.read(.adapter, "the name of a LoRA adapter", \.stringValue) { !$0.isEmpty }
    reader.refuseUnknownFields()
    guard let prompt = text, reader.findings.isEmpty else { throw .invalidFields(reader.findings) }
    self.prompt = prompt
  }

  /// The request in the form of a chat. A stream ends with the token counts only if they are requested.
  ///
  /// - Parameter endpoint: the endpoint's name.
  func chatCompletion(at endpoint: String) -> JSONValue {
    var messages: [JSONValue] = []
    if let systemMessage { messages.append(["role": "system", "content": .string(systemMessage)]) }
    messages.append(["role": "user", "content": .string(prompt)])
    var members: [String: JSONValue] = ["messages": .array(messages)]
    if let maxTokens { members["max_tokens"] = .int(maxTokens) }
    if let adapter { members["model"] = .string("\(endpoint):\(adapter)") }
    if let temperature { members["temperature"] = .double(temperature) }
    if isStream {
      members["stream"] = true
      members["stream_options"] = ["include_usage": true]
    }
    return .object(members)
  }

  private static let maxTokensRule = "an integer from 1 to \(Int64.max)"

  /// The bounds of OpenAI's `metadata`, in bytes: it is kept in the request's record.
  private static let maxMetadata = (count: 16, key: 64, value: 512)

  private static let metadataRule =
    "an object of strings: at most \(maxMetadata.count), with keys of at most \(maxMetadata.key) bytes and values of "
    + "at most \(maxMetadata.value)"

  /// The members of an object, if it keeps the bounds.
  private static func shortTexts(_ value: JSONValue) -> [String: String]? {
    guard case .object(let members, let alike) = value, alike.isEmpty, members.count <= maxMetadata.count else {
      return nil
    }
    var texts: [String: String] = [:]
    for (key, value) in members {
      guard let text = value.stringValue, key.utf8.count <= maxMetadata.key, text.utf8.count <= maxMetadata.value else {
        return nil
      }
      texts[key] = text
    }
    return texts
  }
}

/// Reads the fields of a request, and notes what is wrong with them. A field that is null counts as omitted.
private struct FieldReader {
  private var values: [GenerateRequest.Field: JSONValue] = [:]
  private var unknown: [String] = []
  private(set) var findings: [String] = []

  init(_ bytes: ByteBuffer) throws(QueryBody.Malformed) {
    for (key, member) in try QueryBody.members(of: bytes) {
      guard let field = GenerateRequest.Field(rawValue: key) else {
        unknown.append(key)
        continue
      }
      guard values[field] == nil else {
        throw QueryBody.Malformed(message: "\"\(key)\" appears twice", offset: member.whole.lowerBound)
      }
      guard let value = Self.value(bytes.slice(member.value)) else {
        throw QueryBody.Malformed(message: "the value of \"\(key)\" is invalid", offset: member.value.lowerBound)
      }
      values[field] = value
    }
  }

  /// A longer value that is not a text is not valid for any field. Parsed, it would take many times its memory.
  private static let maxParsed = 1 << 16

  /// Nil if it is not valid JSON.
  private static func value(_ bytes: ByteBuffer) -> JSONValue? {
    let isText = bytes.readableBytesView.first == UInt8(ascii: "\"")
    guard isText || bytes.readableBytes <= maxParsed else { return .array([]) }
    return try? JSONValue(parsing: Array(bytes.readableBytesView))
  }

  /// - Parameter expected: what is right.
  mutating func read<Value>(
    _ field: GenerateRequest.Field, _ expected: String, isRequired: Bool = false,
    _ convert: (JSONValue) -> Value?, where isRight: (Value) -> Bool = { _ in true }
  ) -> Value? {
    guard let value = values[field], !value.isNull else {
      if isRequired { findings.append("\"\(field.rawValue)\" is missing: it must be \(expected)") }
      return nil
    }
    guard let converted = convert(value), isRight(converted) else {
      findings.append("\"\(field.rawValue)\" must be \(expected)")
      return nil
    }
    return converted
  }

  mutating func refuseUnknownFields() {
    guard !unknown.isEmpty else { return }
    let named = GatewayError.list(unknown.sorted().map { String($0.prefix(64)) })
    let known = GatewayError.list(GenerateRequest.Field.allCases.map(\.rawValue))
    findings.append("unknown field\(unknown.count == 1 ? "" : "s") \(named); known fields: \(known)")
  }
}
