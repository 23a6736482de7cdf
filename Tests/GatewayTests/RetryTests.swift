import CanonicalJSON
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling
import Synchronization
import Testing

@testable import Gateway

@Suite struct RetryTests {
  /// Port 1 of the loopback, where nothing listens.
  static let nowhere = 1

  @Test func `an unreachable replica is skipped`() async throws {
    var limits = GatewayLimits()
    limits.unreachablePause = .seconds(60)
    let (harness, replica) = (GatewayHarness(limits: limits), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("a-dead", port: Self.nowhere)
      harness.ready("b-alive", port: port)
      try await harness.run { client in
        for _ in 0..<4 {
          let answer = try await client.post("/v1/chat/completions")
          #expect(answer.status == 200)
        }
      }
    }
    #expect(harness.troubles == ["a-dead"])
    #expect(harness.records.map(\.attempts) == [2, 1, 1, 1])
    #expect(harness.records.allSatisfy { $0.replica == "b-alive" })
  }

  @Test func `a request that no replica accepts fails with the last reason`() async throws {
    var limits = GatewayLimits()
    limits.unreachablePause = .milliseconds(5)
    let harness = GatewayHarness(limits: limits)
    harness.ready("dead", port: Self.nowhere)
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions")
      #expect(answer.status == 503 && answer.headers["retry-after"] == ["1"])
      let message = answer.json["message"]?.stringValue ?? ""
      #expect(message.contains("in 3 attempts; last failure: the replica could not be reached"), "\(message)")
    }
    #expect(harness.admission.snapshot.inFlight == 0)
  }

  @Test(arguments: ["reject_first", "drain_500_first"])
  func `a replica that refuses a request is skipped`(kind: String) async throws {
    let harness = GatewayHarness()
    try await StandIn.run(say: "Hello from a", .object([kind: 1])) { first in
      try await StandIn.run(say: "Hello from b") { second in
        harness.ready("a", port: first.port)
        harness.ready("b", port: second.port)
        try await harness.run { client in
          let answer = try await client.post("/v1/chat/completions")
          #expect(answer.text == "Hello from b")
          let streamed = try await client.open("/v1/chat/completions") { try await $0.rest() }
          #expect(streamed.contains("[DONE]"))
        }
      }
    }
    #expect(harness.records.map(\.attempts) == [2, 1])
    #expect(harness.troubles == (kind == "reject_first" ? [] : ["a"]), "a busy replica works")
  }

  @Test func `a waiting request is sent as soon as a replica in trouble works again`() async throws {
    var limits = GatewayLimits()
    limits.unreachablePause = .seconds(600)
    let harness = GatewayHarness(limits: limits)
    try await StandIn.run(["drain_500_first": 1]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        async let pending = client.post("/v1/chat/completions")
        let isReported = await eventually { harness.troubles == ["a"] }
        #expect(isReported)
        harness.admission.replicaRecovered("a")
        let answer = try await pending
        #expect(answer.status == 200)
      }
    }
    #expect(harness.lastRecord?.attempts == 2)
  }

  @Test func `the only replica is retried after a pause if it was busy`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["reject_first": 2]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 200)
      }
    }
    #expect(harness.lastRecord?.attempts == 3)
  }

  @Test func `a kept-alive connection that the replica closed is replaced without the client noticing`() async throws {
    let harness = GatewayHarness()
    // The replica closes unused connections after 50 ms; the gateway assumes 3 s.
    try await StandIn.run(["keep_alive_s": 0.05]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        try await client.connect().executeThenClose { inbound, outbound in
          var parts = inbound.makeAsyncIterator()
          for pause in [0, 80, 100, 150, 0, 200] {
            try await Task.sleep(for: .milliseconds(pause))
            try await TestClient.send(outbound, "/v1/chat/completions", TestClient.hello)
            let answer = try await TestClient.receive(&parts)
            #expect(answer.status == 200)
          }
        }
        #expect(try await standIn.counters()["seen"] == 6)
      }
    }
    #expect(harness.records.allSatisfy { $0.attempts == 1 } && harness.troubles.isEmpty)
  }

  @Test func `a reused connection that closes without an answer does not cause a second send`() async throws {
    // On a busy machine, the two requests may be far apart: neither side may close the connection meanwhile.
    var limits = GatewayLimits()
    limits.idleConnection = .seconds(600)
    let harness = GatewayHarness(limits: limits)
    try await StandIn.run(["keep_alive_s": 600]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        try await client.connect().executeThenClose { inbound, outbound in
          // One client connection, so that both requests share an event loop and its kept-alive connection.
          var parts = inbound.makeAsyncIterator()
          try await TestClient.send(outbound, "/v1/chat/completions", TestClient.hello)
          #expect(try await TestClient.receive(&parts).status == 200)
          try await standIn.set(["drop_first": 1])
          try await TestClient.send(outbound, "/v1/chat/completions", TestClient.hello)
          let answer = try await TestClient.receive(&parts)
          #expect(answer.status == 502 && answer.headers["x-should-retry"] == ["false"])
          #expect(answer.json["message"]?.stringValue?.contains("it is not retried") == true)
        }
        #expect(try await standIn.counters()["seen"] == 2)
      }
    }
  }

  @Test func `a request that kills its replica costs one replica under load and is answered with 502`() async throws {
    let harness = GatewayHarness()
    let switches: JSONValue = ["die_on": "poison", "token_ms": 1]
    try await StandIn.run(switches) { one in
      try await StandIn.run(switches) { two in
        try await StandIn.run(switches) { three in
          let replicas = [one, two, three]
          for (index, replica) in replicas.enumerated() { harness.ready("r\(index)", port: replica.port, capacity: 8) }
          try await harness.run { client in
            let isOver = Gate()
            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
              for _ in 0..<8 {
                group.addTask {
                  // On one connection, as clients do: the connections to the replicas are kept and reused.
                  try await client.connect().executeThenClose { inbound, outbound in
                    var (parts, statuses) = (inbound.makeAsyncIterator(), [Int]())
                    while !isOver.isOpen || statuses.last != 200 {
                      try await TestClient.send(outbound, "/v1/chat/completions", TestClient.hello)
                      statuses.append(try await TestClient.receive(&parts).status)
                    }
                    return statuses
                  }
                }
              }
              #expect(await eventually { harness.records.count > 60 })
              let poison = TestClient.hello.replacing("Hello", with: "poison")
              let answer = try await client.post("/v1/chat/completions", poison)
              #expect(answer.status == 502 && answer.json["error_code"] == "INTERNAL_ERROR")
              #expect(answer.json["message"]?.stringValue?.contains("the request may be the cause") == true)
              let count = harness.records.count
              #expect(await eventually { harness.records.count > count + 60 })
              isOver.open()
              return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(replicas.count(where: \.isRunning) == 2)
            // The requests at the dead replica at that moment are told so; no other request is affected.
            #expect(statuses.allSatisfy { $0 == 200 || $0 == 502 } && statuses.count { $0 == 502 } <= 8)
            let poisoned = harness.records.filter { $0.status == 502 }
            #expect(Set(poisoned.map(\.replica)).count == 1)
          }
        }
      }
    }
  }

  @Test func `a new connection that closes without an answer does not cause a second send`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["drop_first": 1]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 502 && answer.json["error_code"] == "INTERNAL_ERROR")
        #expect(try await standIn.counters()["seen"] == 1)
      }
    }
  }

  @Test func `the error of a request whose replica died says why the replica ended`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(["die_on": "poison"]) { standIn in
      harness.ready("a", port: standIn.port)
      harness.admission.exitReasons.note("b", cause: "another replica's")
      harness.admission.exitReasons.note("a", cause: "vLLM was killed by SIGKILL")
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions", TestClient.hello.replacing("Hello", with: "poison"))
        let message = answer.json["message"]?.stringValue ?? ""
        #expect(answer.status == 502 && answer.headers["x-should-retry"] == ["false"])
        #expect(
          message.contains("the replica exited while processing the request: vLLM was killed by SIGKILL; "),
          "\(message)")
        #expect(message.contains("it is not retried"))
      }
    }
    #expect(harness.records.map(\.attempts) == [1])
  }

  @Test func `a stream whose replica died ends with the cause`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(say: "one two three four five", ["drop_after_tokens": 3]) { standIn in
      harness.ready("a", port: standIn.port)
      harness.admission.exitReasons.note("a", cause: "vLLM was killed by SIGKILL")
      try await harness.run { client in
        let text = try await client.open("/v1/chat/completions") { try await $0.rest() }
        #expect(
          text.contains("the replica exited in the middle of its response: vLLM was killed by SIGKILL"), "\(text)")
      }
    }
    #expect(harness.lastRecord?.error?.contains("SIGKILL") == true)
  }

  @Test func `the gateway waits for the cause of an exit, but not forever`() async throws {
    let exitReasons = ReplicaExitReasons(eventLoop: MultiThreadedEventLoopGroup.singleton.next())
    async let late = exitReasons.cause(of: "a", within: .seconds(600))
    async let never = exitReasons.cause(of: "b", within: .milliseconds(1))
    #expect(await never == nil)
    exitReasons.note("a", cause: "killed")
    #expect(await late == "killed")
    #expect(await exitReasons.cause(of: "a", within: .seconds(600)) == "killed")
  }

  @Test func `a query whose client leaves ends at once, although its replica's exit is not explained yet`()
    async throws
  {
    var limits = GatewayLimits()
    limits.endingPatience = .seconds(600)
    let harness = GatewayHarness(limits: limits)
    try await StandIn.run(["die_on": "poison"]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        let poison = TestClient.hello.replacing("Hello", with: "poison")
        try await client.open("/v1/chat/completions", poison) { _ in
          #expect(await eventually { !standIn.isRunning })
        }
        #expect(await eventually { harness.records.count == 1 && harness.admission.snapshot.inFlight == 0 })
      }
    }
    #expect(harness.records.map(\.status) == [499])
  }

  @Test func `a stream that broke off ends at once when its client leaves`() async throws {
    var limits = GatewayLimits()
    limits.endingPatience = .seconds(600)
    let harness = GatewayHarness(limits: limits)
    try await StandIn.run(say: "one two three four five", ["drop_after_tokens": 3]) { standIn in
      harness.ready("a", port: standIn.port)
      try await harness.run { client in
        try await client.open("/v1/chat/completions") { parts in
          let piece = try await parts.nextText()
          #expect(piece != nil)
        }
        #expect(await eventually { harness.records.count == 1 && harness.admission.snapshot.inFlight == 0 })
      }
    }
    #expect(harness.records.map(\.status) == [499])
  }

  @Test func `an answer that breaks off is an error and not a shorter answer`() async throws {
    let harness = GatewayHarness()
    let replica = ScriptedReplica()
    try await replica.run(answer: { _ in
      Response(
        status: .ok, headers: [.contentType: "application/json", .contentLength: "1000"],
        body: ResponseBody(contentLength: 1000) { writer in
          try await writer.write(ByteBuffer(string: #"{"choices":["#))
          throw CancellationError()
        })
    }) { port in
      harness.ready("a", port: port)
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.status == 502)
        #expect(answer.json["message"]?.stringValue?.contains("response was cut off") == true)
      }
    }
  }

  @Test func `a replica on a Unix socket is reachable`() async throws {
    let harness = GatewayHarness()
    try await StandIn.run(onUnixSocket: true) { standIn in
      harness.admission.replicaReady(
        UpstreamReplica(
          id: "u", entity: "m-1", version: "1", address: .unixSocket(path: standIn.socketPath), capacity: 1))
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions")
        #expect(answer.text == "Hello from v1")
      }
    }
  }
}

extension ReplicaExitReasons {
  fileprivate func cause(of replica: String, within limit: Duration) async -> String? {
    await withCheckedContinuation { continuation in
      cause(of: replica, within: limit) { continuation.resume(returning: $0) }
    }
  }
}
