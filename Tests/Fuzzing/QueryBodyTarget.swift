internal import CanonicalJSON
internal import Gateway
internal import NIOCore

extension FuzzTarget {
  private static let mutator = Mutator(
    examples: [
      #"{"model":"chat","messages":[{"role":"user","content":"hello"}],"stream":true,"max_tokens":8}"#,
      #"{"prompt": ["a", "b"], "model" : "chat" }"#, #"{"input":"x","mod\u0065l":"chat"}"#, #" { } "#,
      #"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}],"n":null}"#,
      #"{"stream":true,"stream_options":{"include_usage":false},"model":"chat","prompt":"x"}"#,
    ],
    tokens: [
      "{", "}", "[", "]", ":", ",", "\"", "\\", "\\\"", "\\u006d", "\"model\":", "\"model\":\"x\",", ",\"model\":7",
      "\"stream\":true,", "\"stream_options\":null,", "\"stream_options\":{},", "\"include_usage\":true",
      "\"prompt\":\"\"", "null", " ", "\n", "\u{0}", "é", "-1",
    ])

  /// The gateway's scan agrees with a whole reading of the body: it accepts every object, and sees and replaces `model`
  /// where a reader would.
  static let queryBody = FuzzTarget("query-body", mutator) { bytes throws(BrokenProperty) in
    let members = (try? JSONValue(parsing: bytes))?.objectValue
    let body: QueryBody
    do throws(QueryBody.Malformed) {
      body = try QueryBody(scanning: ByteBuffer(bytes: bytes))
    } catch {
      guard members == nil || error.message.contains("appears twice") else {
        throw BrokenProperty("every JSON object is accepted: \(error)")
      }
      guard (0...bytes.count).contains(error.offset) else {
        throw BrokenProperty("an error's offset is in the body; it is \(error.offset)")
      }
      return false
    }
    // What is not JSON further down is the replica's to refuse.
    guard let members else { return false }
    guard body.model == members["model"]?.stringValue, body.isStream == (members["stream"] == true) else {
      throw BrokenProperty("model and stream are what a reader sees")
    }
    var replaced = members
    if members["model"] != nil { replaced["model"] = "served" }
    try require(body.slices(modelName: "served"), replaced, "the model is replaced")
    replaced["model"] = nil
    try require(body.slices(modelName: nil), replaced, "the model is removed")
    replaced["model"] = "served"
    try require(body.slices(asking: "served"), replaced, "the model is set")
    guard !body.lacksUsage || members["stream"] == true else {
      throw BrokenProperty("only a stream can lack its token counts")
    }
    if body.lacksUsage { replaced["stream_options"] = ["include_usage": true] }
    try require(body.slices(asking: "served", countsTokens: true), replaced, "the token counts are requested")
    replaced["model"] = nil
    try require(body.slices(modelName: nil, countsTokens: true), replaced, "both are changed")
    return true
  }

  private static func require(
    _ slices: [ByteBuffer], _ expected: [String: JSONValue], _ property: String
  ) throws(BrokenProperty) {
    let bytes = slices.flatMap { Array($0.readableBytesView) }
    guard (try? JSONValue(parsing: bytes))?.objectValue == expected else {
      throw BrokenProperty("\(property); it became \(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
  }
}
