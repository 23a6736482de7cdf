import CanonicalJSON
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Scheduling
import Synchronization
import Testing

@testable import Gateway

private func eventStream(
  _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
) -> Response {
  Response(
    status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8"],
    body: ResponseBody { writer in try await write(&writer) })
}

@Suite struct StreamingTests {
  @Test func `a stream is passed on chunk by chunk`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let gates = (0..<5).map { _ in Gate() }
    let answer = eventStream { writer in
      for (index, gate) in gates.enumerated() {
        try await writer.write(ByteBuffer(string: "data: \(index)\n\n"))
        // The next chunk is sent when the client has this one: nothing in between may hold it back.
        await gate.pass()
      }
      try await writer.finish(nil)
    }
    try await replica.run(answer: { _ in answer }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        try await client.open("/v1/chat/completions") { parts in
          for (index, gate) in gates.enumerated() {
            let piece = try await parts.nextText()
            #expect(piece == "data: \(index)\n\n")
            #expect(harness.admission.snapshot.inFlight == 1)
            gate.open()
          }
          let end = try await parts.nextText()
          #expect(end == nil)
        }
      }
    }
    #expect(harness.lastRecord?.status == 200 && harness.admission.snapshot.inFlight == 0)
  }

  @Test func `a stream of vLLM arrives whole, with the role first and DONE last`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let text = try await client.open("/v1/chat/completions") { try await $0.rest() }
        let events = text.split(separator: "\n\n")
        #expect(events.first?.contains(#""role":"assistant""#) == true)
        #expect(events.last == "data: [DONE]")
        #expect(events.count == 5)
      }
    }
  }

  @Test func `a client that disconnects in the middle of a stream frees its place and the replica`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["token_ms": 20]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let long = #"{"model":"chat","stream":true,"messages":[],"max_tokens":5000,"ignore_eos":true}"#
        let left = try await client.open("/v1/chat/completions", long) { parts in
          _ = try await parts.nextText()
          return ContinuousClock.now
        }
        #expect(await eventually { harness.admission.snapshot.inFlight == 0 })
        let isAborted = await eventually { (try? await standIn.counters()["aborted"]) == 1 }
        let counters = try await standIn.counters()
        #expect(isAborted, "\(counters.text())")
        // In full, the stream would take more than a minute and a half.
        #expect(.now - left < .seconds(45))
      }
    }
    #expect(harness.lastRecord?.status == 499 && harness.records.count == 1)
  }

  @Test func `a client that disconnects before the answer frees its place and the replica`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["first_token_ms": 60000]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        try await client.open("/v1/chat/completions", TestClient.hello) { _ in
          #expect(await eventually { (try? await standIn.counters()["running"]) == 1 })
        }
        #expect(await eventually { harness.admission.snapshot.inFlight == 0 })
        #expect(await eventually { (try? await standIn.counters()["aborted"]) == 1 })
      }
    }
    #expect(harness.lastRecord?.status == 499)
  }

  @Test func `a replica that fails in the middle of a stream ends it with an error event`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["drop_after_tokens": 2]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let text = try await client.open("/v1/chat/completions") { try await $0.rest() }
        #expect(text.contains("Hello") && !text.contains("[DONE]"))
        let last = text.split(separator: "\n\n").last ?? ""
        #expect(last.hasPrefix(#"data: {"error":{"code":502,"#) && last.contains("response was cut off"), "\(last)")
      }
    }
    let record = try #require(harness.lastRecord)
    #expect(record.status == 200 && record.errorCode == "INTERNAL_ERROR" && harness.admission.snapshot.inFlight == 0)
  }

  @Test func `vLLM's own error in the middle of a stream is passed on and recorded`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["stream_error_after_tokens": 2]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let text = try await client.open("/v1/chat/completions") { try await $0.rest() }
        #expect(text.contains("EngineCore encountered an issue") && text.hasSuffix("data: [DONE]\n\n"))
      }
    }
    #expect(harness.lastRecord?.errorCode == "UPSTREAM_STREAM_ERROR")
    #expect(harness.lastRecord?.error?.hasPrefix("EngineCore encountered an issue") == true)
  }

  @Test func `the secrets in an error in the middle of a stream are taken out, and the order of the events stays`()
    async throws
  {
    let (redaction, replica) = (Gate(), ScriptedReplica())
    let harness = GatewayHarness(redact: { text, replica in
      await redaction.pass()
      return text.replacing("vault-\(replica)", with: "[redacted]")
    })
    let text = "data: {\"choices\":[{\"delta\":{}}]}\n\n"
    let error = "data: {\"error\": {\"message\": \"no access with vault-r1\", \"code\": 500}}\n\n"
    try await replica.run(answer: { _ in
      eventStream { writer in
        for piece in [text, text + error, text, "data: [DONE]\n\n"] {
          try await writer.write(ByteBuffer(string: piece))
        }
        try await writer.finish(nil)
      }
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let received = try await client.open("/v1/chat/completions") { parts in
          let first = try await parts.nextText() ?? ""
          redaction.open()
          return try await first + parts.rest()
        }
        let redacted = error.replacing("vault-r1", with: "[redacted]")
        #expect(received == text + text + redacted + text + "data: [DONE]\n\n")
        let generated = try await client.open("/serving-endpoints/chat/generate", #"{"prompt":"x","stream":true}"#) {
          try await $0.rest()
        }
        #expect(generated.contains("no access with [redacted]") && !generated.contains("vault"), "\(generated)")
      }
    }
    #expect(harness.records.map(\.error) == ["no access with [redacted]", "no access with [redacted]"])
  }

  @Test(arguments: [200, 201], ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
  func `the secrets in an error are also taken out of a stream that has a length`(status: Int, type: String)
    async throws
  {
    let harness = GatewayHarness(redact: { text, replica in text.replacing("vault-\(replica)", with: "[redacted]") })
    let text = "data: {\"choices\":[{\"delta\":{}}]}\n\n"
    let error = "data: {\"error\": {\"message\": \"no access with vault-r1\", \"code\": 500}}\n\n"
    let whole = ByteBuffer(string: text + error + text + "data: [DONE]\n\n")
    try await ScriptedReplica().run(answer: { _ in
      Response(
        status: .init(code: status), headers: [.contentType: type], body: ResponseBody(byteBuffer: whole))
    }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let received = try await client.open("/v1/chat/completions") { try await $0.rest() }
        let redacted = error.replacing("vault-r1", with: "[redacted]")
        #expect(received == text + redacted + text + "data: [DONE]\n\n")
        let generated = try await client.open("/serving-endpoints/chat/generate", #"{"prompt":"x","stream":true}"#) {
          try await $0.rest()
        }
        #expect(generated.contains("no access with [redacted]") && !generated.contains("vault"), "\(generated)")
      }
    }
    #expect(harness.records.map(\.error) == ["no access with [redacted]", "no access with [redacted]"])
  }

  @Test func `a replica that is disconnected ends its streams with an error event`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["token_ms": 20]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let long = #"{"model":"chat","stream":true,"messages":[],"max_tokens":5000,"ignore_eos":true}"#
        let text = try await client.open("/v1/chat/completions", long) { parts in
          _ = try await parts.nextText()
          harness.admission.replicaDraining("r1")
          harness.admission.cutOff("r1")
          await harness.admission.drained("r1")
          return try await parts.rest()
        }
        #expect(text.contains("the replica was stopped before it finished"))
        #expect(await eventually { (try? await standIn.counters()["aborted"]) == 1 })
      }
    }
  }

  @Test func `a slow reader slows down the replica and loses nothing`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let piece = String(repeating: "x", count: 1 << 16)
    // The kernel's own buffers, of two connections, may hold 75 MB by themselves if tcp_rmem allows 32 MiB each.
    let pieces = 3072
    let written = Mutex(0)
    let answer = eventStream { writer in
      for _ in 0..<pieces {
        try await writer.write(ByteBuffer(string: piece))
        written.withLock { $0 += 1 }
      }
      try await writer.finish(nil)
    }
    try await replica.run(answer: { _ in answer }) { port in
      harness.ready("r1", port: port)
      try await harness.run { client in
        let length = try await client.open("/v1/chat/completions") { parts in
          // Nothing is read as long as the replica makes progress.
          var before = -1
          while before != written.withLock({ $0 }) {
            before = written.withLock { $0 }
            try await Task.sleep(for: .milliseconds(300))
          }
          #expect(before < 1600, "\(before / 16) of \(pieces / 16) MiB were sent to a client that reads nothing")
          return try await parts.rest().utf8.count
        }
        #expect(length == pieces << 16)
      }
    }
  }

  @Test func `a stream that waits for a replica gets comments, then its events`() async throws {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let (harness, replica) = (GatewayHarness(limits: limits), ScriptedReplica())
    harness.admission.setStartPhase("loading weights")
    let answer = eventStream { writer in
      try await writer.write(ByteBuffer(string: "data: 1\n\n"))
      try await writer.finish(nil)
    }
    try await replica.run(answer: { _ in answer }) { port in
      try await harness.run { client in
        let text = try await client.open("/v1/chat/completions") { parts in
          let first = try await parts.nextText()
          #expect(first == ": waiting for a replica (loading weights, 0s)\n\n")
          harness.ready("r1", port: port)
          return try await parts.rest()
        }
        #expect(text.hasSuffix("data: 1\n\n"), "\(text)")
        #expect(text.split(separator: "\n\n").count { $0.hasPrefix("data:") } == 1)
      }
    }
    #expect(harness.lastRecord?.status == 200 && harness.lastRecord?.coldStart != nil)
  }

  @Test func `a stream that waited gets the reason as an event if no replica comes`() async throws {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let harness = GatewayHarness(limits: limits)
    try await harness.run { client in
      let text = try await client.open("/v1/chat/completions") { parts in
        let first = try await parts.nextText()
        #expect(first == ": waiting for a replica\n\n")
        harness.admission.setUnavailable(reason: "out of memory")
        return try await parts.rest()
      }
      let event = text.split(separator: "\n\n").last.map(String.init) ?? ""
      #expect(event.hasPrefix("data: {") && event.contains("cannot answer: out of memory"), "\(text)")
    }
    #expect(harness.lastRecord?.status == 200 && harness.lastRecord?.errorCode == "TEMPORARILY_UNAVAILABLE")
  }

  @Test func `a stream behind busy replicas gets no comment while another one waits for a replica`() async throws {
    var limits = GatewayLimits()
    limits.heartbeat = .milliseconds(5)
    let (harness, replica, gate) = (GatewayHarness(limits: limits), ScriptedReplica(), Gate())
    harness.admission.setTraffic([("m-1", 100), ("m-2", 0)])
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port, capacity: 1)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        async let busy = client.post("/v1/chat/completions", TestClient.streamed)
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        try await client.open("/serving-endpoints/chat/served-models/m-2/invocations") { parts in
          for _ in 0..<5 {
            let comment = try await parts.nextText()
            #expect(comment?.hasPrefix(": waiting for a replica") == true)
          }
        }
        // It can still be refused with its own status.
        harness.admission.close()
        let refused = try await busy
        #expect(refused.status == 503, "\(refused.body)")
        gate.open()
        let text = try await first.text
        #expect(text == "late")
      }
    }
  }

  @Test func `a replica that is silent for too long is given up`() async throws {
    var limits = GatewayLimits()
    limits.silence = .milliseconds(100)
    let harness = GatewayHarness(limits: limits)
    try await StandIn.run(["freeze_after_requests": 0]) { standIn in
      harness.ready("r1", port: standIn.port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 504 && answer.json["error_code"] == "DEADLINE_EXCEEDED")
        #expect(harness.troubles == ["r1"])
      }
    }
  }
}
