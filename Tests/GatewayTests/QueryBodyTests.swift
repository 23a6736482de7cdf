import CanonicalJSON
import NIOCore
import Testing

@testable import Gateway

private func scan(_ text: String) throws -> QueryBody { try QueryBody(scanning: ByteBuffer(string: text)) }

private func joined(_ slices: [ByteBuffer]) throws -> JSONValue {
  try JSONValue(parsing: slices.map { String(buffer: $0) }.joined())
}

@Suite struct QueryBodyTests {
  @Test(arguments: [
    (#"{"model":"a","messages":[]}"#, "a", false, QueryBody.Task.chat),
    (#" { "messages" : [ { "model" : "inner", "stream": true } ] , "model" : "a\"b" } "#, #"a"b"#, false, .chat),
    (#"{"mod\u0065l":"a","prompt":"x","stream":true}"#, "a", true, .completion),
    (#"{"input":["x"],"stream":false,"model":"e"}"#, "e", false, .embedding),
    (#"{"messages":[{"content":"\"model\":\"x\" } ] \\"}],"prompt":"p"}"#, nil, false, .chat),
    (#"{"model":7,"dataframe_split":{}}"#, nil, false, nil),
    ("{}", nil, false, nil),
  ])
  func `only top-level members count`(text: String, model: String?, isStream: Bool, task: QueryBody.Task?) throws {
    let body = try scan(text)
    #expect(body.model == model)
    #expect(body.isStream == isStream)
    #expect(body.task == task)
  }

  @Test(arguments: [
    "", "[]", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1}}"#, #"{"a":"x}"#, #"{"a":[1,2}"#, #"{a:1}"#,
    #"{"model":"a","model":"b"}"#, #"{"a":1 "b":2}"#, "null", #"{"\"#, #"{"a\"#, #"{"a":"\"#, #"{"a":["\"#,
  ])
  func `a body that is not a JSON object is refused, with a place in the body`(text: String) throws {
    let error = try #require(throws: QueryBody.Malformed.self) { try scan(text) }
    #expect((0...text.utf8.count).contains(error.offset), "\(error)")
  }

  @Test func `a refusal includes the position`() {
    #expect(throws: QueryBody.Malformed(message: "\"model\" appears twice", offset: 13)) {
      try scan(#"{"model":"a","model":"b"}"#)
    }
  }

  @Test(arguments: [
    #"{"model":"a","messages":[1]}"#, #"{"messages":[1],"model":"a"}"#, #"{"messages":[1] , "model" : "a" , "n":1}"#,
    #"{"model":"a"}"#, #"{ "model" : "a" }"#, #"{"messages":"a,b","model":"x,y","n":","}"#,
  ])
  func `the model is renamed or removed, and nothing else changes`(text: String) throws {
    let body = try scan(text)
    guard case .object(var members, _) = try JSONValue(parsing: text) else { return }
    members["model"] = "re\"named"
    #expect(try joined(body.slices(modelName: "re\"named")) == .object(members))
    members["model"] = nil
    #expect(try joined(body.slices(modelName: nil)) == .object(members))
  }

  @Test(arguments: [
    #"{"model":"a","stream":true}"#, #"{"stream":true , "model":"a"}"#, #" { "stream":true,"prompt":"x"}"#,
    #"{"stream_options":null,"model":"a","stream":true}"#, #"{"stream":true,"stream_options":{"include_usage":false}}"#,
    #"{"stream":true,"stream_options":{"include_usage":null,"continuous_usage_stats":true},"model":"a"}"#,
  ])
  func `a stream without token counts is made to end with them, and nothing else changes`(text: String) throws {
    let body = try scan(text)
    #expect(body.lacksUsage)
    guard case .object(var members, _) = try JSONValue(parsing: text) else { return }
    members["stream_options"] = ["include_usage": true]
    if members["model"] != nil { members["model"] = "b" }
    #expect(try joined(body.slices(modelName: "b", countsTokens: true)) == .object(members))
    members["model"] = "b"
    #expect(try joined(body.slices(asking: "b", countsTokens: true)) == .object(members))
    members["model"] = nil
    #expect(try joined(body.slices(modelName: nil, countsTokens: true)) == .object(members))
  }

  @Test(arguments: [
    #"{"prompt":"x"}"#, #"{"stream":false,"stream_options":null}"#,
    #"{"stream":true,"stream_options":{"include_usage":true}}"#, #"{"stream":true,"stream_options":{}}"#,
    #"{"stream":true,"stream_options":{"include_usage":"no"}}"#, #"{"stream":true,"stream_options":7}"#,
  ])
  func `the options of other requests are the engine's to read`(text: String) throws {
    let body = try scan(text)
    #expect(!body.lacksUsage && body.slices(modelName: nil, countsTokens: true) == [body.bytes])
  }

  @Test func `a body without a model is unchanged`() throws {
    let body = try scan(#"{"messages":[]}"#)
    #expect(body.slices(modelName: "m") == [body.bytes])
  }
}

@Suite struct ResponseTailTests {
  private func tail(_ pieces: String...) -> ResponseTail {
    pieces.reduce(into: ResponseTail()) { $0.append(ByteBuffer(string: $1)) }
  }

  @Test func `token counts are read from the last usage object`() {
    let counts = tail(
      #"data: {"choices":[{"delta":{"content":"\"usage\":{"}}],"usage":null}"#, "\n\n",
      #"data: {"usage":{"prompt_tokens":4,"completion_tokens":9,"prompt_tokens_details":{"a":"}"}}}"#,
      "\n\ndata: [DONE]\n\n"
    ).usage
    #expect(counts?.prompt == 4 && counts?.completion == 9)
    #expect(tail(#"{"choices":[],"usage":null}"#).usage == nil)
    #expect(tail().usage == nil)
  }

  @Test func `the reason of the end is that of the last choice, if there is one`() {
    #expect(
      tail(#"{"choices":[{"finish_reason": "length","text":"\"finish_reason\":\"x\""}]}"#).finishReason == "length")
    #expect(tail(#"{"choices":[{"finish_reason":"stop"}]}"#, "data: [DONE]").finishReason == "stop")
    #expect(tail(#"{"choices":[{"finish_reason":null}]}"#).finishReason == nil)
    #expect(tail(#"{"choices":[{"finish_reason":"sto"#).finishReason == nil)
    #expect(tail().finishReason == nil)
  }

  @Test func `an error in the middle of a stream is found`() {
    let message = tail("data: {\"error\":{\"message\":\"engine died\",\"code\":500}}\n\n", "data: [DONE]\n\n").lateError
    #expect(message == "engine died")
    #expect(tail("data: {\"choices\":[]}\n\n").lateError == nil)
  }
}
