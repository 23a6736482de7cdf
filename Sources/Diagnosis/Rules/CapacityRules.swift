/// More requests than the endpoint can take.
enum CapacityRules {
  /// A fraction of the requests from which refusals are a cause.
  static let noticeable = 0.01
  /// The part of a KV cache from which it counts as full.
  static let fullCache = 0.95

  static let all = [queueFull, queueBytes, waitedTooLong, cacheFull, engineQueue, waitingForRoom]

  /// What the queue and the replicas were like, for every rule about them.
  private static func load(_ evidence: Evidence) -> [String?] {
    let replicas = evidence.serving.reduce(0) { $0 + $1.ready }
    let limit = evidence.settings.concurrency.map { ", each with at most \(Words.count($0, "request")) at once" } ?? ""
    return [
      evidence.load.map { "now \($0.waiting) waiting and \($0.inFlight) at replicas" },
      "\(Words.count(replicas, "replica")) ready\(limit)",
      evidence.requests?.queue.map { "the wait for a replica: \(Words.percentiles($0))" },
    ]
  }

  private static let moreReplicas =
    "serve more at once: raise size (or concurrency.min and concurrency.max), or spec.plane.concurrency "
    + "if the engine has room"

  private static func refusal(
    _ kind: RequestEvidence.Kind, _ evidence: Evidence,
    _ make: (_ count: Int, _ share: Double, _ measured: [String?]) -> Finding
  ) -> Finding? {
    guard let requests = evidence.requests else { return nil }
    let count = requests.count { $0.kind == kind }
    let share = requests.share(count)
    guard share >= noticeable else { return nil }
    let refused = "\(count) of \(Words.count(requests.total, "request")) were refused (\(Words.percent(share)))"
    return make(count, share, [refused] + load(evidence))
  }

  private static let queueFull = DiagnosisRule("queue-full") { evidence in
    refusal(.queueFull, evidence) { _, share, measured in
      let length = evidence.settings.queueLength
      return Finding(
        "queue-full", .failing, weight: 1 + share,
        "the queue is full: \(Words.percent(share)) of the requests get 429",
        measured: measured + [
          length.map { "at most \(Words.count($0, "request")) may wait (spec.plane.queue.length)" }
        ],
        means: "Requests come faster than the replicas answer them, for longer than the queue can even out.",
        remedies: [
          moreReplicas,
          "if the bursts are short, let more of them wait: raise spec.plane.queue.length",
          "limit those who send most: spec.gateway.rateLimits; setpoint usage --by principal",
        ])
    }
  }

  private static let queueBytes = DiagnosisRule("queue-memory-full") { evidence in
    refusal(.queueBytes, evidence) { _, share, measured in
      Finding(
        "queue-memory-full", .failing, weight: 1 + share,
        "the bodies of waiting requests use all memory for them: \(Words.percent(share)) of the requests get 429",
        measured: measured, means: "Few requests wait, but they are large, such as those with images.",
        remedies: [
          "raise spec.plane.queue.bytes, or for all endpoints together setpoint serve --held-bytes", moreReplicas,
        ])
    }
  }

  private static let waitedTooLong = DiagnosisRule("waited-too-long") { evidence in
    refusal(.waitedTooLong, evidence) { _, share, measured in
      let wait = evidence.settings.queueWait
      return Finding(
        "waited-too-long", .failing, weight: 1 + share,
        "no replica became free in time for \(Words.percent(share)) of the requests",
        measured: measured + [wait.map { "a request waits at most \(Words.time($0)) (spec.plane.queue.wait)" }],
        means: "All replicas are busy for longer than requests may wait.",
        remedies: [
          moreReplicas,
          "or let requests wait longer: spec.plane.queue.wait; clients shorten it with X-Setpoint-Max-Wait",
        ])
    }
  }

  /// The engine has no room for more text.
  private static let cacheFull = DiagnosisRule("kv-cache-full") { evidence in
    let engines = evidence.engines.filter { engine in
      let preempted = engine.preemptions ?? 0
      let isFull = (engine.cacheMost ?? 0) >= fullCache && (engine.waitingMost ?? 0) >= 1
      return isFull || preempted >= max(1, noticeable * Double(evidence.requests?.total ?? 0))
    }
    guard let worst = engines.max(by: { ($0.cacheMean ?? 0) < ($1.cacheMean ?? 0) }) else { return nil }
    let preemptions = engines.compactMap(\.preemptions).reduce(0, +)
    return Finding(
      "kv-cache-full", .slow, weight: 1 + (worst.cacheMean ?? 0),
      "the KV cache is full: engines put requests off or compute them again",
      measured: [
        worst.cacheMost.map { most in
          "KV cache of replica \(worst.replica): \(Words.percent(most)) at most"
            + (worst.cacheMean.map { ", \(Words.percent($0)) on average" } ?? "")
        },
        "\(Words.count(Words.clamped(preemptions), "preemption")) in the last \(Words.time(evidence.window))",
        worst.waitingMost.map { "up to \(Words.count(Words.clamped($0), "request")) waited in the engine" },
        evidence.requests?.tokensIn.map {
          "prompts: \(Words.whole($0.p50)) tokens for half, \(Words.whole($0.p95)) for the longest 5%"
        },
      ],
      means: "The text of all running requests does not fit in the engine's memory. Each preempted request is computed "
        + "again from its beginning.",
      remedies: [
        "give the cache more memory: spec.engine.gpuMemoryUtilization; on CPUs VLLM_CPU_KVCACHE_SPACE",
        "send an engine fewer requests at once: spec.plane.concurrency; the others wait in the plane's queue",
        "or limit their length: spec.engine.maxModelLen, and max_tokens of the clients", moreReplicas,
      ])
  }

  /// Requests wait inside the engine although its cache has room.
  private static let engineQueue = DiagnosisRule("engine-queue") { evidence in
    let engines = evidence.engines.filter { ($0.waitingMean ?? 0) >= 1 && ($0.cacheMost ?? 0) < fullCache }
    guard let worst = engines.max(by: { ($0.waitingMean ?? 0) < ($1.waitingMean ?? 0) }),
      let waiting = worst.waitingMean
    else { return nil }
    return Finding(
      "engine-queue", .slow, weight: min(1, waiting / max(1, waiting + (worst.runningMean ?? 0))),
      "requests wait inside the engine, although its memory has room",
      measured: [
        "replica \(worst.replica): \(Words.number(waiting)) waiting on average"
          + (worst.runningMean.map { ", \(Words.number($0)) running" } ?? "")
      ],
      means: "The plane sends an engine more requests than it computes at once (max_num_seqs). Inside the engine they "
        + "have no turns and no time limit.",
      remedies: [
        "send it fewer: set spec.plane.concurrency to its --max-num-seqs",
        "or let it compute more at once: --max-num-seqs in spec.engine.extraArgs",
      ])
  }

  private static let waitingForRoom = DiagnosisRule("waiting-for-room") { evidence in
    let waiting = evidence.entities.filter(\.isWaitingForRoom)
    guard let first = waiting.first else { return nil }
    let isDown = !evidence.serves
    let unit = evidence.room?.unit ?? "place"
    return Finding(
      "waiting-for-room", isDown ? .failing : .slow, weight: isDown ? 2 : 0.9,
      "replicas of \(waiting.map(\.label).joined(separator: ", ")) wait for a free \(unit)",
      measured: [
        evidence.room.map { "\($0.free) of \(Words.count($0.total, $0.unit)) of the machine are free" },
        "\(first.ready) of \(Words.count(first.wanted, "replica")) of \(first.name) are ready",
      ], means: "Other endpoints hold the machine's room; a replica starts as soon as one of them gives its room up.",
      remedies: [
        "see the other endpoints: setpoint top", "let idle endpoints give up their room: scaleToZero: true",
        "or lower sizes, delete endpoints that are not needed, or use a larger machine",
      ])
  }
}
