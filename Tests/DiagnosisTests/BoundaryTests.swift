import Diagnosis
import Testing

/// Each rule with a threshold, just below it and at it.
@Suite struct BoundaryTests {
  struct Boundary: CustomTestStringConvertible, Sendable {
    let code: String
    let below: Evidence
    let reached: Evidence
    var testDescription: String { code }

    init(_ code: String, below: Evidence, at reached: Evidence) {
      self.code = code
      self.below = below
      self.reached = reached
    }

    init(_ code: String, _ change: (inout Evidence, _ isReached: Bool) -> Void) {
      self.init(code, below: .changed { change(&$0, false) }, at: .changed { change(&$0, true) })
    }
  }

  static let shares: [Boundary] = [
    Boundary("queue-full", below: .ended(429, 9, .queueFull), at: .ended(429, 10, .queueFull)),
    Boundary("queue-memory-full", below: .ended(429, 9, .queueBytes), at: .ended(429, 10, .queueBytes)),
    Boundary("waited-too-long", below: .ended(429, 9, .waitedTooLong), at: .ended(429, 10, .waitedTooLong)),
    Boundary("rate-limited", below: .ended(429, 9, .rateLimit), at: .ended(429, 10, .rateLimit)),
    Boundary("engine-errors", below: .ended(502, 9), at: .ended(502, 10)),
    Boundary("unavailable", below: .ended(503, 9), at: .ended(503, 10)),
    Boundary("client-errors", below: .ended(400, 49), at: .ended(400, 50)),
    Boundary("clients-gave-up", below: .ended(499, 49), at: .ended(499, 50)),
    Boundary("not-permitted", below: .ended(403, 49), at: .ended(403, 50)),
    Boundary("cold-starts") { $0.requests?.coldStarts = $1 ? 50 : 49 },
  ]

  static let figures: [Boundary] = [
    Boundary("kv-cache-full") { evidence, isReached in
      evidence.engines[0].cacheMost = isReached ? 0.95 : 0.94
      evidence.engines[0].waitingMost = 1
    },
    Boundary("kv-cache-full") { $0.engines[0].preemptions = $1 ? 10 : 9 },
    Boundary("engine-queue") { $0.engines[0].waitingMean = $1 ? 1 : 0.9 },
    Boundary("queue-time") { evidence, isReached in
      evidence.requests?.queue = Percentiles(100, isReached ? 500 : 499, 900)
      evidence.requests?.firstToken = Percentiles(300, 700, 1100)
    },
    Boundary("long-prompts") { evidence, isReached in
      evidence.requests?.tokensIn = Percentiles(500, isReached ? 1000 : 999, 2000)
      evidence.requests?.firstToken = Percentiles(600, 1500, 2000)
    },
    Boundary("slow-tokens") { $0.requests?.betweenTokens = Percentiles($1 ? 100 : 99, 200, 300) },
    Boundary("slow-replica") { $0.requests?.byReplica[0].meanBusy = $1 ? 2000 : 1999 },
    Boundary("slow-replica") { evidence, isReached in
      evidence.requests?.byReplica[0].meanBusy = 9000
      evidence.requests?.byReplica[0].requests = isReached ? 20 : 19
    },
    Boundary("dominant-caller") { evidence, isReached in
      evidence.requests?.queue = Percentiles(100, 500, 900)
      evidence.requests?.byPrincipal = [
        RequestGroup("ann", requests: 1, busy: isReached ? 500 : 499),
        RequestGroup("ben", requests: 1, busy: 300), RequestGroup("cid", requests: 1, busy: isReached ? 200 : 201),
      ]
    },
    Boundary("dominant-caller") { evidence, isReached in
      evidence.requests?.byPrincipal[0].busy = 4_000_000
      evidence.requests?.queue = Percentiles(100, isReached ? 500 : 499, 900)
    },
    Boundary("update-overdue") { evidence, isReached in
      evidence.update = UpdateEvidence(hasFailed: false, version: 4)
      evidence.usualStart = .seconds(600)
      evidence.update?.runningFor = .seconds(isReached ? 1800 : 1799)
    },
    Boundary("crash-loop") { evidence, isReached in
      evidence.entities[0].failure = FailureEvidence("it exited", code: "engine-exit")
      evidence.entities[0].failure?.count = isReached ? 3 : 2
    },
    Boundary("wrong-name") { evidence, isReached in
      evidence.requests = RequestEvidence(isReached ? [] : [RequestEvidence.Outcome(200, 1)])
      evidence.requests?.unrouted = 3
    },
    Boundary("telemetry-dropped") { $0.dropped = DropEvidence(rows: $1 ? 1 : 0) },
    Boundary("log-errors") { $0.lines = [LogEvidence(severity: $1 ? 17 : 13, text: "words")] },
    Boundary("fewer-replicas") { $0.entities[0].ready = $1 ? 1 : 2 },
    Boundary("long-answers") { evidence, isReached in
      evidence.requests?.tokensOut = Percentiles(isReached ? 1000 : 999, 2000, 2000)
      evidence.requests?.latency = Percentiles(20_000, 30_000, 40_000)
    },
  ]

  @Test(arguments: shares + figures)
  func `a rule holds from its threshold on, and not just below`(boundary: Boundary) {
    #expect(!boundary.below.codes.contains(boundary.code), "\(boundary.below.codes)")
    #expect(boundary.reached.codes.contains(boundary.code), "\(boundary.reached.codes)")
  }

  @Test func `a good prefix cache clears long prompts of blame`() {
    let evidence = Evidence.changed { evidence in
      evidence.requests?.tokensIn = Percentiles(6000, 12_000, 14_000)
      evidence.requests?.firstToken = Percentiles(1500, 3000, 4000)
      for index in evidence.engines.indices { evidence.engines[index].prefixHits = 60_000 }
    }
    #expect(evidence.codes == [])
  }

  @Test func `numbers that no endpoint has end no process`() {
    let evidence = Evidence.changed { evidence in
      evidence.requests?.tokensIn = Percentiles(1e300, 1e300, 1e300)
      evidence.requests?.firstToken = Percentiles(1e300, 1e300, 1e300)
      evidence.requests?.latency = Percentiles(-1, 1e300, .infinity)
      evidence.engines[0].preemptions = 1e300
      evidence.engines[0].prefixHits = 0
      evidence.engines[0].cacheMost = 1e300
    }
    #expect(!evidence.codes.isEmpty)
    #expect(!Diagnosis.figures(of: evidence).isEmpty)
  }
}
