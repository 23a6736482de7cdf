import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct RetryTests {
  private static let busy = ScriptedTransport.ScriptedResponse.error(503, "TEMPORARILY_UNAVAILABLE", "busy")
  private static let done = ScriptedTransport.ScriptedResponse.json(["done": true])
  private static let refused = ScriptedTransport.ScriptedResponse.failure(
    HTTPClientError(code: .connect, message: "refused", method: "", url: ""))

  struct Case: CustomTestStringConvertible {
    let what: String
    let method: String
    let answer: ScriptedTransport.ScriptedResponse
    let isRetried: Bool
    var testDescription: String { "\(method) after \(what)" }
  }

  @Test(arguments: [
    Case(what: "429", method: "POST", answer: .error(429, "REQUEST_LIMIT_EXCEEDED", "slow"), isRetried: true),
    Case(what: "503", method: "POST", answer: busy, isRetried: true),
    Case(what: "503", method: "PUT", answer: busy, isRetried: true),
    Case(what: "503", method: "GET", answer: .answer(status: 503), isRetried: true),
    Case(what: "a refused connection", method: "POST", answer: refused, isRetried: true),
    Case(what: "a lost answer", method: "GET", answer: .lost(), isRetried: true),
    Case(what: "a lost answer", method: "DELETE", answer: .lost(), isRetried: true),
    Case(what: "a lost answer", method: "POST", answer: .lost(), isRetried: false),
    Case(what: "a request that was never sent", method: "POST", answer: .lost(mayHaveBeenSent: false), isRetried: true),
    Case(
      what: "a response that exceeded the total timeout", method: "GET",
      answer: .failure(
        HTTPClientError(
          code: .timeout(.total), message: "not finished within 120 s", method: "", url: "",
          requestMayHaveBeenSent: true)), isRetried: false),
    Case(what: "500", method: "GET", answer: .error(500, "INTERNAL_ERROR", "x"), isRetried: false),
    Case(what: "502", method: "GET", answer: .answer(status: 502), isRetried: false),
    Case(what: "504", method: "GET", answer: .answer(status: 504), isRetried: false),
    Case(what: "408", method: "GET", answer: .answer(status: 408), isRetried: false),
    Case(what: "409", method: "PUT", answer: .error(409, "RESOURCE_CONFLICT", "x"), isRetried: false),
    Case(what: "400", method: "GET", answer: .error(400, "BAD_REQUEST", "x"), isRetried: false),
    Case(what: "401", method: "GET", answer: .error(401, "UNAUTHENTICATED", "x"), isRetried: false),
    Case(what: "404", method: "GET", answer: .error(404, "RESOURCE_DOES_NOT_EXIST", "x"), isRetried: false),
    Case(
      what: "a bad certificate", method: "GET",
      answer: .failure(HTTPClientError(code: .tls, message: "", method: "", url: "")), isRetried: false),
    Case(
      what: "400 with a temporary cause", method: "GET",
      answer: .error(400, "INVALID_STATE", "ClusterNotReadyException: wait"), isRetried: true),
    Case(
      what: "500 with a temporary cause", method: "PUT",
      answer: .error(500, "INTERNAL_ERROR", "RPC token bucket limit has been exceeded."), isRetried: true),
  ])
  func `temporary failures are retried, and nothing else`(item: Case) async throws {
    let network = ScriptedTransport([item.answer, Self.done])
    let client = network.client()
    let result = try? await client.json(APICall(item.method, "/x", body: ["a": 1]))
    #expect((result == ["done": true]) == item.isRetried)
    #expect(network.requests.count == (item.isRetried ? 2 : 1))
    #expect(network.requests.allSatisfy { $0.body == Array(#"{"a":1}"#.utf8) })
  }

  @Test(arguments: [
    ("3", 3), ("0", 0), ("Thu, 01 Jan 2026 00:00:07 GMT", 7), ("Wed, 31 Dec 2025 23:59:00 GMT", 0), ("soon", 1),
    ("-5", 1), ("Thu, 32 Jan 2026 00:00:07 GMT", 1), ("Thu, 29 Feb 2024 00:00:00 GMT", 0),
  ])
  func `a Retry-After is honored, in seconds or as a date`(header: String, seconds: Int) async throws {
    let timing = TestTiming()
    let network = ScriptedTransport([
      .answer(status: 429, headers: [HTTPField("retry-after", header)]), Self.done,
    ])
    _ = try await network.client(timing: timing).json(APICall("GET", "/x"))
    #expect(timing.pauses == [.seconds(seconds)])
  }

  @Test func `a short Retry-After is honored as it is, however often it is sent`() async throws {
    let timing = TestTiming(jitter: 0.5)
    let answer = ScriptedTransport.ScriptedResponse.answer(status: 503, headers: [HTTPField("Retry-After", "1")])
    let network = ScriptedTransport([answer, answer, answer, answer, Self.done])
    _ = try await network.client(timing: timing).json(APICall("PUT", "/x", body: ["a": 1]))
    #expect(timing.pauses == Array(repeating: .milliseconds(1100), count: 4))
  }

  @Test func `a retry delay in the error's details is honored`() async throws {
    let timing = TestTiming()
    let network = ScriptedTransport([
      .answer(
        status: 429,
        body:
          #"{"message":"slow","details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retry_delay":"2.5s"}]}"#
      ), Self.done,
    ])
    _ = try await network.client(timing: timing).json(APICall("GET", "/x"))
    #expect(timing.pauses == [.milliseconds(2500)])
  }

  @Test func `delays grow to ten seconds and end with the budget`() async throws {
    let timing = TestTiming(jitter: 0.5)
    let network = ScriptedTransport([Self.busy])
    let error = await #expect(throws: ServingError.self) {
      try await network.client(timing: timing).json(APICall("GET", "/x"))
    }
    let first: [Duration] = [1100, 2200, 4400, 8800].map { .milliseconds($0) }
    #expect(Array(timing.pauses.prefix(4)) == first)
    #expect(timing.pauses.max() == .milliseconds(11000))
    #expect(timing.elapsed <= .seconds(300) && timing.elapsed > .seconds(289))
    #expect(error?.attempts == network.requests.count)
    #expect(error?.description.contains("(tried \(network.requests.count) times)") == true)
  }

  @Test(arguments: [
    ("https://workspace.example.com", Duration.seconds(15), 5), ("http://127.0.0.1:7387", .seconds(3), 3),
    ("http://[::1]:7387/base", .seconds(3), 3), ("https://127.0.0.1.example.com", .seconds(15), 5),
  ])
  func `an unreachable server is given up soon, and sooner on this machine`(
    url: String, longest: Duration, tries: Int
  ) async throws {
    let timing = TestTiming()
    let network = ScriptedTransport([Self.refused])
    let access = ProviderAccess(target: ProviderTarget(url: url, source: "a test", tokenSource: "a test"), token: "t")
    let client = ServingClient(access, version: "1", transport: network.transport, timing: timing.timing)
    let error = await #expect(throws: ServingError.self) { try await client.json(APICall("GET", "/x")) }
    #expect(timing.elapsed <= longest)
    #expect(network.requests.count == tries)
    #expect(error?.advice?.contains("does not respond") == true)
  }

  @Test func `a delay longer than the budget is not started`() async throws {
    let timing = TestTiming()
    let network = ScriptedTransport([.answer(status: 429, headers: [HTTPField("Retry-After", "301")]), Self.done])
    let error = await #expect(throws: ServingError.self) {
      try await network.client(timing: timing).json(APICall("GET", "/x"))
    }
    #expect(timing.pauses.isEmpty)
    #expect(error?.retryAfter == .seconds(301))
  }

  @Test func `a body that breaks off is requested again`() async throws {
    let broken = HTTPClientError(
      code: .connectionLost, message: "reset", method: "GET", url: "", requestMayHaveBeenSent: true)
    let network = ScriptedTransport([.pieces([#"{"a":"#], then: broken), .pieces([#"{"a":"#, "1}"])])
    #expect(try await network.client().json(APICall("GET", "/x")) == ["a": 1])
  }

  @Test func `a call that may be sent only once is sent once`() async throws {
    let network = ScriptedTransport([Self.busy, Self.done])
    await #expect(throws: ServingError.self) {
      try await network.client().json(APICall("POST", "/x", retries: .never))
    }
    #expect(network.requests.count == 1)
  }

  @Test func `every call carries its user agent, its token and the accepted format`() async throws {
    let network = ScriptedTransport([Self.done])
    _ = try await network.client().json(APICall("PUT", "/x", query: [("a b", "c&d")], body: [:]))
    let request = try #require(network.requests.first)
    let headers = HTTPHeaders(request.headers)
    #expect(request.url == "https://workspace.example.com/x?a%20b=c%26d")
    #expect(headers["authorization"] == "Bearer dapi-secret-token")
    #expect(headers["user-agent"] == "setpoint/1.2.3 auth/pat")
    #expect(headers["x-databricks-workspace-id"] == nil)
    #expect(headers["accept"] == "application/json")
    #expect(headers["content-type"] == "application/json")
  }
}
