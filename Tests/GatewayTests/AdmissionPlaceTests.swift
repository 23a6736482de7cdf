import CanonicalJSON
import HTTPSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling
import Synchronization
import Testing

@testable import Gateway

/// Every request gets a place at a replica once, and frees it: under load, while traffic is switched, and if clients leave.
@Suite struct AdmissionPlaceTests {
  @Test func `five hundred concurrent requests are all answered with the defaults`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port, capacity: 256)
      try await harness.run { client in
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
          for _ in 0..<500 { group.addTask { try await client.post("/v1/chat/completions").status } }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count == 500 && statuses.allSatisfy { $0 == 200 })
      }
    }
  }

  @Test func `a client that leaves the queue frees its place`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      try await harness.run { client in
        try await client.open("/v1/chat/completions", TestClient.hello) { _ in
          #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        }
        #expect(await eventually { harness.admission.snapshot.waiting == 0 })
        harness.ready("r1", port: port)
        _ = try await client.post("/v1/chat/completions")
      }
    }
    #expect(replica.load.total == 1)
    #expect(harness.records.map(\.status) == [499, 200])
  }

  @Test
  func `two hundred concurrent requests are all answered, and no replica gets more than its share`() async throws {
    let harness = GatewayHarness(policy: AdmissionPolicy(maxWaiting: 200))
    let (one, two) = (ScriptedReplica(), ScriptedReplica())
    try await one.run(answer: { _ in ScriptedReplica.completion("hi") }) { first in
      try await two.run(answer: { _ in ScriptedReplica.completion("hi") }) { second in
        harness.ready("r1", port: first, capacity: 3)
        harness.ready("r2", port: second, capacity: 5)
        try await harness.run { client in
          let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<200 { group.addTask { try await client.post("/v1/chat/completions").status } }
            return try await group.reduce(into: []) { $0.append($1) }
          }
          #expect(statuses.count == 200 && statuses.allSatisfy { $0 == 200 })
        }
      }
    }
    #expect(one.load.total + two.load.total == 200)
    #expect(one.load.most <= 3 && two.load.most <= 5)
    #expect(harness.admission.snapshot.inFlight == 0 && harness.records.count == 200)
  }

  @Test func `a traffic switch under load loses no request`() async throws {
    let harness = GatewayHarness()
    let switched = Gate()
    try await StandIn.run(say: "Hello from v1", ["token_ms": 2]) { old in
      try await StandIn.run(say: "Hello from v2", ["token_ms": 2]) { new in
        harness.ready("old", port: old.port)
        try await harness.run { client in
          let outcomes = try await withThrowingTaskGroup(of: [(Int, String?, Bool)].self) { group in
            for _ in 0..<6 {
              group.addTask {
                var answers: [(Int, String?, Bool)] = []
                // However fast they are: until a request arrived after the switch.
                while answers.count < 40 || answers.last?.2 == false {
                  let isAfter = switched.isOpen
                  let answer = try await client.post("/v1/chat/completions")
                  answers.append((answer.status, answer.text, isAfter))
                }
                return answers
              }
            }
            group.addTask {
              #expect(await eventually { harness.records.count > 50 })
              harness.ready("new", port: new.port, entity: "m-2", version: "2")
              harness.admission.setTraffic([("m-2", 100)])
              switched.open()
              harness.admission.replicaDraining("old")
              await harness.admission.drained("old")
              // Only now may the old replica stop: it has no request left.
              let left = try await old.counters()["running"]
              #expect(left == 0)
              harness.admission.replicaGone("old")
              await old.stop()
              return []
            }
            return try await group.reduce(into: []) { $0 += $1 }
          }
          #expect(outcomes.count >= 240 && outcomes.allSatisfy { $0.0 == 200 })
          #expect(Set(outcomes.map(\.1)) == ["Hello from v1", "Hello from v2"])
          #expect(outcomes.filter(\.2).allSatisfy { $0.1 == "Hello from v2" })
        }
      }
    }
  }

  @Test func `drained returns at once for an idle replica and when its task is canceled`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    let gate = Gate()
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("hi")
    }) { port in
      harness.ready("idle", port: port)
      await harness.admission.drained("idle")
      await harness.admission.drained("unknown")
      try await harness.run { client in
        async let answer = client.post("/v1/chat/completions")
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        harness.admission.replicaDraining("idle")
        let waiting = Task { await harness.admission.drained("idle") }
        waiting.cancel()
        await waiting.value
        gate.open()
        await harness.admission.drained("idle")
        let status = try await answer.status
        #expect(status == 200)
      }
    }
  }
}
