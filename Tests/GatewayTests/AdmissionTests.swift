import CanonicalJSON
import HTTPSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling
import Synchronization
import Testing

@testable import Gateway

@Suite struct AdmissionTests {
  @Test func `a request waits for the first replica, causes its start, and is answered`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("woken") }) { port in
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        async let second = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.waiting == 2 })
        #expect(harness.wakes > 0 && harness.admission.snapshot.needsReplica)
        harness.ready("r1", port: port)
        let answers = try await [first, second]
        #expect(answers.map(\.text) == ["woken", "woken"])
        #expect(answers.allSatisfy { $0.headers["x-setpoint-cold-start-ms"] == $0.headers["x-setpoint-queue-ms"] })
        let warm = try await client.post("/v1/chat/completions")
        #expect(warm.text == "woken" && warm.headers["x-setpoint-cold-start-ms"] == [])
      }
    }
    let record = try #require(harness.lastRecord)
    #expect(record.coldStart == nil)
    let held = try #require(harness.records.first)
    #expect(held.queued > .zero && held.queued <= held.latency && held.coldStart == held.queued)
  }

  @Test func `beyond the queue's length, requests are refused with Retry-After`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(maxWaiting: 1))
    let gate = Gate()
    let replica = ScriptedReplica()
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port, capacity: 1)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        async let second = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        let third = try await client.post("/v1/chat/completions")
        #expect(third.status == 429 && third.headers["retry-after"] == ["1"])
        #expect(third.json["error_code"] == "REQUEST_LIMIT_EXCEEDED")
        gate.open()
        #expect(try await [first.text, second.text] == ["late", "late"])
      }
    }
    #expect(replica.load.most == 1)
  }

  @Test func `changed limits apply to requests that arrive later, and those that wait keep their places`() async throws
  {
    let (harness, replica) = (GatewayHarness(policy: AdmissionPolicy(maxWaiting: 0)), ScriptedReplica())
    let gate = Gate()
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      harness.ready("r1", port: port, capacity: 1)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        let refused = try await client.post("/v1/chat/completions")
        #expect(refused.status == 429)
        harness.admission.setPolicy(AdmissionPolicy(maxWaiting: 1))
        async let second = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        harness.admission.setPolicy(AdmissionPolicy(maxWaiting: 0))
        #expect(harness.admission.snapshot.waiting == 1)
        harness.ready("r1", port: port, capacity: 2)
        #expect(await eventually { harness.admission.snapshot.inFlight == 2 })
        gate.open()
        let texts = try await [first.text, second.text]
        #expect(texts == ["late", "late"])
      }
    }
  }

  @Test func `a request that waits past the deadline gets 503 with Retry-After`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(maxWait: .milliseconds(80)))
    harness.admission.setStartPhase("loading weights")
    try await harness.run { client in
      let start = ContinuousClock.now
      let answer = try await client.post("/v1/chat/completions")
      #expect(answer.status == 503 && answer.headers["retry-after"] == ["5"])
      #expect(answer.body.contains("(loading weights, 0s)"), "\(answer.body)")
      #expect(answer.json["error_code"] == "TEMPORARILY_UNAVAILABLE")
      #expect(.now - start >= .milliseconds(80))
    }
    #expect(harness.admission.snapshot.waiting == 0)
  }

  @Test func `Retry-After of a request that waits for a start is what is left of the time that the last one took`()
    async throws
  {
    let harness = GatewayHarness()
    try await harness.run { client in
      func refusal() async throws -> (seconds: Int, body: String) {
        let answer = try await client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": "0"])
        #expect(answer.status == 503)
        return (Int(answer.headers["retry-after"].first ?? "") ?? -1, answer.body)
      }
      harness.admission.setStartPhase("scaled to zero", lasts: .milliseconds(39_500))
      let asleep = try await refusal()
      #expect(asleep.seconds == 40 && asleep.body.contains("(scaled to zero, "), "\(asleep)")
      harness.admission.setStartPhase("loading weights", lasts: .seconds(900), begunAgo: .seconds(300))
      let loading = try await refusal()
      #expect((500...600).contains(loading.seconds) && loading.body.contains("(loading weights, "), "\(loading)")
      harness.admission.setStartPhase("warming", lasts: .seconds(40), begunAgo: .seconds(50))
      #expect(try await refusal().seconds == 5, "it takes longer than the last one")
      harness.admission.setStartPhase("warming")
      #expect(try await refusal().seconds == 5, "there was no other start")
    }
  }

  @Test func `a client bounds its own wait with X-Setpoint-Max-Wait, and the refusal depends on the replicas`()
    async throws
  {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("late")
    }) { port in
      try await harness.run { client in
        let cold = try await client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": "0"])
        #expect(cold.status == 503 && cold.headers["retry-after"] == ["5"], "\(cold.body)")
        #expect(cold.json["message"]?.stringValue?.contains("has no ready replica, and 0 more") == true, "\(cold.body)")
        harness.ready("r1", port: port, capacity: 1)
        async let first = client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": "0"])
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        for wait in ["0", "50ms"] {
          let answer = try await client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": wait])
          #expect(answer.status == 429 && answer.headers["retry-after"] == ["1"], "\(answer.body)")
          #expect(answer.json["error_code"] == "REQUEST_LIMIT_EXCEEDED")
          let queued = Int(answer.headers["x-setpoint-queue-ms"].first ?? "") ?? -1
          #expect(queued >= (wait == "0" ? 0 : 50))
        }
        gate.open()
        let answer = try await first
        #expect(answer.text == "late" && answer.headers["x-setpoint-queue-ms"].count == 1)
      }
    }
  }

  @Test(arguments: ["2", "soon", "-1s", "1.5s", "", "99999999999s", "2d"])
  func `an invalid X-Setpoint-Max-Wait is refused`(value: String) async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions", headers: ["x-setpoint-max-wait": value])
      #expect(answer.status == 400 && answer.json["error_code"] == "INVALID_PARAMETER_VALUE", "\(answer.body)")
      #expect(answer.json["message"]?.stringValue?.contains("write a time such as 2s or 500ms") == true)
      #expect(answer.json["message"]?.stringValue?.contains("in ms, s, m or h and with at most 9 digits") == true)
    }
  }

  @Test func `the bodies that wait are bounded across endpoints`() async throws {
    let held = HeldBytes(limit: TestClient.hello.utf8.count * 3 / 2)
    let harness = GatewayHarness(heldBytes: held)
    try await harness.run { client in
      try await client.open("/v1/chat/completions", TestClient.hello) { _ in
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        #expect(held.held == TestClient.hello.utf8.count)
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 429 && answer.headers["retry-after"] == ["1"])
        #expect(answer.json["message"]?.stringValue?.contains("--held-bytes") == true, "\(answer.body)")
        #expect(held.held == TestClient.hello.utf8.count)
      }
      #expect(await eventually { held.held == 0 })
    }
  }

  @Test func `large bodies leave the last eighth of the memory for bodies that wait to small ones`() {
    let held = HeldBytes(limit: 800_000)
    let admission = EndpointAdmission(
      policy: AdmissionPolicy(), eventLoop: MultiThreadedEventLoopGroup.singleton.next(), heldBytes: held)
    admission.setTraffic([("m-1", 100)])
    let refused = Mutex<[Int]>([])
    for bytes in [700_000, 70_000, 60_000] {
      let request = AdmissionRequest(
        principal: Principal(name: "tester"), entity: nil, bytes: bytes, affinity: nil, maxWait: nil)
      _ = admission.admit(request) { _ in refused.withLock { $0.append(bytes) } }
    }
    #expect(refused.withLock { $0 } == [70_000] && held.held == 760_000)
    admission.close()
    #expect(held.held == 0)
  }

  @Test func `a request that is refused at once holds no bytes any more when it is told`() {
    let held = HeldBytes(limit: 100)
    let admission = EndpointAdmission(
      policy: AdmissionPolicy(), eventLoop: MultiThreadedEventLoopGroup.singleton.next(), heldBytes: held)
    let seen = Mutex<Int?>(nil)
    let request = AdmissionRequest(
      principal: Principal(name: "tester"), entity: nil, bytes: 60, affinity: nil, maxWait: .zero)
    _ = admission.admit(request) { _ in seen.withLock { $0 = held.held } }
    #expect(seen.withLock { $0 } == 0)
  }

  @Test func `a body that is larger than the whole queue is refused as such`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(queueBytes: 10))
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions")
      #expect(answer.status == 429 && answer.headers["retry-after"] == ["1"])
      #expect(answer.body.contains("too large to be queued: the queue holds at most 10 bytes"), "\(answer.body)")
    }
    #expect(harness.wakes > 0)
  }

  @Test func `requests with the same first message go to the same replica with prefix affinity`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(affinity: .prefix))
    let replica = ScriptedReplica()
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      for name in ["r1", "r2", "r3"] { harness.ready(name, port: port) }
      try await harness.run { client in
        for topic in ["cats", "dogs", "birds"] {
          for turn in 1...3 {
            let answer = try await client.post(
              "/v1/chat/completions",
              #"{"messages": [{"role": "system", "content": "\#(topic)"}, {"role": "user", "content": "\#(turn)"}], "#
                + #""model": "chat"}"#)
            #expect(answer.status == 200)
          }
        }
      }
    }
    let replicas = harness.records.map(\.replica)
    for first in [0, 3, 6] { #expect(Set(replicas[first..<first + 3]).count == 1, "\(replicas)") }
  }

  @Test func `requests of one session go to the same replica with session affinity`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(affinity: .session))
    let replica = ScriptedReplica()
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      for name in ["r1", "r2", "r3"] { harness.ready(name, port: port) }
      try await harness.run { client in
        for _ in 0..<4 {
          let answer = try await client.post("/v1/chat/completions", headers: ["x-setpoint-session": "anna"])
          #expect(answer.status == 200)
        }
      }
    }
    #expect(Set(harness.records.map(\.replica)).count == 1)
  }

  @Test func `an endpoint that cannot become ready refuses requests with its reason`() async throws {
    let harness = GatewayHarness()
    try await harness.run { client in
      async let waiting = client.post("/v1/chat/completions")
      #expect(await eventually { harness.admission.snapshot.waiting == 1 })
      harness.admission.setUnavailable(reason: "its model has no weights")
      let answers = try await [waiting, client.post("/v1/chat/completions")]
      for answer in answers {
        #expect(answer.status == 503)
        #expect(answer.json["message"]?.stringValue?.hasSuffix("cannot answer: its model has no weights") == true)
      }
    }
  }

  @Test
  func `requests in the queue get 503 with Retry-After on shutdown, and requests at replicas continue`() async throws {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("done")
    }) { port in
      harness.ready("r1", port: port, capacity: 1)
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        async let second = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        harness.admission.close()
        let late = try await [second, client.post("/v1/chat/completions")]
        for answer in late {
          #expect(answer.status == 503 && answer.headers["retry-after"] == ["5"])
          #expect(answer.json["message"]?.stringValue?.contains("the serving plane is shutting down") == true)
        }
        gate.open()
        let text = try await first.text
        #expect(text == "done")
      }
    }
  }
}
