import CanonicalJSON
import HTTPSupport
import NIOCore
import NIOHTTP1
import Scheduling
import Testing

@testable import Gateway

@Suite struct RateLimitTests {
  private func limited(_ limits: RateLimit...) -> GatewayHarness {
    let harness = GatewayHarness()
    var settings = QuerySettings()
    settings.rateLimits = limits
    harness.rules.set(settings)
    return harness
  }

  @Test func `calls beyond a limit get 429, with the limit and the time to wait`() async throws {
    let (harness, replica) = (limited(RateLimit(.eachPrincipal, calls: 2)), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        for _ in 0..<2 {
          let answer = try await client.post("/v1/chat/completions")
          #expect(answer.status == 200)
        }
        let refused = try await client.post("/v1/chat/completions")
        #expect(refused.status == 429)
        let seconds = try #require(Int(refused.headers["retry-after"].first ?? ""))
        #expect((1...30).contains(seconds))
        #expect(refused.json["error_code"] == "REQUEST_LIMIT_EXCEEDED")
        #expect(refused.json["error"]?["type"] == "rate_limit_error")
        #expect(
          refused.json["message"]?.stringValue
            == "the endpoint \"chat\" allows 2 calls a minute for each user; retry in \(seconds)s")
        let generated = try await client.post("/serving-endpoints/chat/generate", #"{"prompt":"x"}"#)
        #expect(generated.status == 429 && generated.json["error_code"] == "REQUEST_LIMIT_EXCEEDED")
      }
    }
    #expect(replica.load.total == 2)
    #expect(harness.lastRecord?.status == 429 && harness.lastRecord?.errorCode == "REQUEST_LIMIT_EXCEEDED")
    #expect(harness.lastRecord?.refusal == "rate_limit")
  }

  @Test(arguments: [("Anna", "anna"), ("anna", "Anna")])
  func `a principal's own limit applies whatever the case of its name`(limited: String, sender: String) {
    var settings = QuerySettings()
    settings.rateLimits = [RateLimit(.principal(limited), calls: 1), RateLimit(.eachPrincipal, calls: 100)]
    let (rules, principal, now) = (QueryRules(settings), Principal(name: sender), NIODeadline.now())
    #expect(rules.admit(principal, now: now) == nil)
    #expect(rules.admit(principal, now: now)?.limit == 1)
  }

  @Test func `a request that is invalid is not counted`() async throws {
    let (harness, replica) = (limited(RateLimit(.endpoint, calls: 1)), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        _ = try await client.post("/v1/chat/completions", "{")
        _ = try await client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": "soon"])
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 200)
      }
    }
  }

  @Test func `the tokens of an answer are taken after it`() async throws {
    let (harness, replica) = (limited(RateLimit(.principal("tester"), tokens: 8)), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        // It has 5 and 3 tokens.
        let first = try await client.post("/v1/chat/completions")
        #expect(first.status == 200)
        let refused = try await client.post("/v1/chat/completions")
        #expect(refused.status == 429)
        #expect(refused.body.contains("allows 8 tokens a minute for \\\"tester\\\""), "\(refused.body)")
      }
    }
  }

  @Test(arguments: [nil, "null", #"{"include_usage":false}"#, #"{"include_usage":null}"#])
  func `the tokens of a stream are counted though its client does not ask for them, and does not get them`(
    options: String?
  ) async throws {
    let harness = limited(RateLimit(.endpoint, tokens: 8))
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let member = options.map { #","stream_options":\#($0)"# } ?? ""
        let body = #"{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hello"}]\#(member)}"#
        let text = try await client.open("/v1/chat/completions", body) { try await $0.rest() }
        #expect(!text.contains("usage") && text.hasSuffix("data: [DONE]\n\n"), "\(text)")
        #expect(text.split(separator: "\n\n").count == 5)
        // The stream has taken 7 of the 8 tokens.
        let principal = Principal(name: "tester")
        harness.rules.debit(principal, tokens: 1, now: .now())
        #expect(harness.rules.admit(principal, now: .now())?.unit == .tokens)
      }
    }
    let record = try #require(harness.lastRecord)
    #expect(record.promptTokens == 4 && record.completionTokens == 3 && record.finishReason == "stop")
  }

  @Test func `a client that asks for the tokens of a stream gets them`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let body = #"{"model":"chat","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#
        let text = try await client.open("/v1/chat/completions", body) { try await $0.rest() }
        #expect(text.contains(#""choices":[],"usage":{"#) || text.contains(#""choices": [], "usage": {"#), "\(text)")
      }
    }
    #expect(harness.lastRecord?.completionTokens == 3)
  }

  @Test func `a client that disconnects pays for the tokens that it got`() async throws {
    let harness = limited(RateLimit(.endpoint, tokens: 3))
    try await StandIn.run(["token_ms": 20]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let long = #"{"model":"chat","stream":true,"messages":[],"max_tokens":5000,"ignore_eos":true}"#
        try await client.open("/v1/chat/completions", long) { parts in
          for _ in 0..<8 { _ = try await parts.nextText() }
        }
        #expect(await eventually { harness.records.count == 1 })
        let refused = try await client.post("/v1/chat/completions")
        #expect(refused.status == 429, "\(refused.body)")
      }
    }
    let first = try #require(harness.records.first)
    #expect(first.status == 499 && first.completionTokens == nil)
  }
}
