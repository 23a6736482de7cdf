import Diagnosis
import FoundationEssentials
import Testing

/// Staged troubles, and the cause that is named first.
@Suite struct DiagnosisTests {
  struct Trouble: CustomTestStringConvertible, Sendable {
    let code: String
    let severity: Cause.Severity
    let evidence: Evidence
    var testDescription: String { code }

    init(_ code: String, _ severity: Cause.Severity, _ evidence: Evidence) {
      self.code = code
      self.severity = severity
      self.evidence = evidence
    }
  }

  static let starts: [Trouble] = [
    Trouble("bad-dtype", .failing, .failed("bad-dtype", "this GPU does not support bfloat16")),
    Trouble(
      "context-too-long-for-memory", .failing, .failed("context-too-long-for-memory", "the KV cache is too small")),
    Trouble("context-too-long", .failing, .failed("context-too-long", "maxModelLen is longer than the model supports")),
    Trouble("damaged-weights", .failing, .failed("damaged-weights", "a weights file is truncated")),
    Trouble("unknown-architecture", .failing, .failed("unknown-architecture", "transformers cannot load the model")),
    Trouble("no-tokenizer", .failing, .failed("no-tokenizer", "the model folder has no usable tokenizer")),
    Trouble("no-vllm", .failing, .failed("no-vllm", "vLLM is not installed")),
    Trouble("gated-model", .failing, .failed("gated-model", "the repository is gated")),
    Trouble("killed", .failing, .failed("killed", "vLLM was killed by SIGKILL")),
    Trouble("adapter-rank-too-large", .failing, .failed("adapter-rank-too-large", "the rank is larger")),
    Trouble("port-in-use", .failing, .failed("port-in-use", "another program took the replica's port")),
    Trouble("start-failed", .failing, .failed(nil, "something never seen")),
    Trouble(
      "damaged-weights", .failing,
      .failed("damaged-weights", "a weights file is truncated") { failure in
        failure.count = 5
        failure.retryIn = .seconds(80)
      }),
    Trouble(
      "engine-unresponsive", .slow,
      .changed { evidence in
        evidence.entities[0].ready = 1
        var failure = FailureEvidence("no token for 60s", code: "engine-unresponsive")
        failure.wasReady = true
        evidence.entities[0].failure = failure
      }),
  ]

  static let states: [Trouble] = [
    Trouble(
      "damaged-weights", .slow,
      .changed { evidence in
        var entity = EntityEvidence(name: "next", model: "hello", version: "4")
        entity.isPending = true
        entity.failure = FailureEvidence("a weights file is truncated", code: "damaged-weights")
        evidence.entities.append(entity)
        evidence.update = UpdateEvidence(hasFailed: true, version: 4, entity: "next", reason: "a file is truncated")
      }),
    Trouble(
      "update-failed", .slow,
      .changed { $0.update = UpdateEvidence(hasFailed: true, version: 4, entity: "next", reason: "no version 4") }),
    Trouble(
      "update-overdue", .slow,
      .changed { evidence in
        evidence.update = UpdateEvidence(hasFailed: false, version: 4)
        evidence.update?.runningFor = .seconds(1200)
      }),
    Trouble(
      "waiting-for-room", .failing,
      .changed { evidence in
        (evidence.entities[0].ready, evidence.isReady) = (0, false)
        evidence.entities[0].isWaitingForRoom = true
        evidence.room?.free = 0
      }),
    Trouble(
      "downloading-weights", .failing,
      .changed { evidence in
        (evidence.entities[0].ready, evidence.isReady) = (0, false)
        evidence.entities[0].download = "downloading 3 of 9 GiB"
      }),
    Trouble(
      "starting", .failing,
      .changed { evidence in
        (evidence.entities[0].ready, evidence.isReady) = (0, false)
        evidence.entities[0].starting = 1
        evidence.entities[0].startPhase = "loading weights"
      }),
    Trouble(
      "no-replicas", .failing,
      .changed { evidence in
        var entity = EntityEvidence(name: "other", model: "hello", version: "2")
        entity.share = 10
        evidence.entities[0].share = 90
        evidence.entities.append(entity)
        evidence.isReady = false
      }),
    Trouble("fewer-replicas", .slow, .changed { $0.entities[0].ready = 1 }),
    Trouble(
      "scaled-to-zero", .note,
      .changed { evidence in
        evidence.entities[0].ready = 0
        evidence.entities[0].sleep = .asleep
        evidence.load = LoadEvidence(idleFor: .seconds(3600))
      }),
    Trouble(
      "waking", .slow,
      .changed { evidence in
        evidence.entities[0].ready = 0
        evidence.entities[0].sleep = .waking
        evidence.entities[0].starting = 1
      }),
    Trouble(
      "replica-restarts", .slow,
      .changed { evidence in
        evidence.failures = [FailureEvidence("it exited while serving", code: "engine-exit")]
        evidence.failures[0].wasReady = true
      }),
    Trouble("engine-errors", .failing, .ended(500, 40, example: "EngineCore encountered an issue")),
    Trouble("unavailable", .failing, .ended(503, 40)),
    Trouble("telemetry-dropped", .note, .changed { $0.dropped = DropEvidence(rows: 12, causes: ["disk full: 12"]) }),
    Trouble("log-errors", .note, .changed { $0.lines = [LogEvidence(severity: 17, text: "CUDA error")] }),
    Trouble(
      "deployment-failed", .failing,
      .changed { evidence in
        evidence.source = .workspace
        (evidence.entities[0].ready, evidence.isReady) = (0, false)
        evidence.entities[0].state = "DEPLOYMENT_FAILED"
        evidence.entities[0].message = "the container build failed"
      }),
    Trouble("not-ready", .failing, .changed { $0.isReady = false }),
  ]

  static let loads: [Trouble] = [
    Trouble("queue-full", .failing, .ended(429, 200, .queueFull)),
    Trouble("queue-memory-full", .failing, .ended(429, 200, .queueBytes)),
    Trouble("waited-too-long", .failing, .ended(429, 200, .waitedTooLong)),
    Trouble("rate-limited", .slow, .ended(429, 200, .rateLimit, example: "60 calls a minute")),
    Trouble("client-errors", .slow, .ended(400, 200, example: "maximum context length")),
    Trouble("client-errors", .failing, .ended(400, 600)),
    Trouble("clients-gave-up", .slow, .ended(499, 200)),
    Trouble("not-permitted", .slow, .ended(403, 200)),
    Trouble(
      "kv-cache-full", .slow,
      .changed { evidence in
        (evidence.engines[0].cacheMean, evidence.engines[0].cacheMost) = (0.9, 1)
        evidence.engines[0].waitingMost = 4
        evidence.engines[0].preemptions = 30
      }),
    Trouble("engine-queue", .slow, .changed { $0.engines[1].waitingMean = 12 }),
    Trouble(
      "queue-time", .slow,
      .changed { evidence in
        evidence.requests?.queue = Percentiles(900, 4000, 6000)
        evidence.requests?.firstToken = Percentiles(1200, 4400, 6500)
      }),
    Trouble(
      "long-prompts", .slow,
      .changed { evidence in
        evidence.requests?.tokensIn = Percentiles(6000, 12_000, 14_000)
        evidence.requests?.firstToken = Percentiles(1500, 3000, 4000)
      }),
    Trouble("slow-tokens", .slow, .changed { $0.requests?.betweenTokens = Percentiles(180, 300, 500) }),
    Trouble("slow-replica", .slow, .changed { $0.requests?.byReplica[1].meanBusy = 4000 }),
    Trouble(
      "cold-starts", .slow,
      .changed { evidence in
        evidence.requests?.coldStarts = 90
        evidence.requests?.coldStart = Percentiles(30_000, 40_000, 50_000)
      }),
    Trouble(
      "long-answers", .note,
      .changed { evidence in
        evidence.requests?.tokensOut = Percentiles(2000, 4000, 4000)
        evidence.requests?.latency = Percentiles(24_000, 48_000, 48_000)
      }),
    Trouble(
      "dominant-caller", .slow,
      .changed { evidence in
        evidence.requests?.queue = Percentiles(900, 4000, 6000)
        evidence.requests?.firstToken = Percentiles(1200, 4400, 6500)
        evidence.requests?.byPrincipal[0].busy = 4_000_000
      }),
    Trouble(
      "wrong-name", .slow,
      .changed { evidence in
        evidence.requests = RequestEvidence()
        evidence.requests?.unrouted = 7
        evidence.requests?.unroutedNames = ["chatt"]
      }),
  ]

  @Test(arguments: starts + states + loads)
  func `a staged trouble is named first, with numbers, meaning and remedies`(trouble: Trouble) throws {
    let causes = Diagnosis.causes(of: trouble.evidence)
    let first = try #require(causes.first)
    #expect(first.code == trouble.code, "\(causes.map(\.code))")
    #expect(first.severity == trouble.severity)
    #expect(!first.summary.isEmpty && !first.meaning.isEmpty && !first.remedies.isEmpty)
    #expect(!first.remedies.joined().contains("{endpoint}"))
    #expect(Diagnosis.codes.contains(first.code), "it is in the table")
    let headline = Diagnosis.headline(of: trouble.evidence, causes)
    #expect(headline.hasPrefix("nothing is wrong") == (trouble.severity == .note), "\(headline)")
  }

  @Test func `nothing is wrong with a healthy endpoint, and its figures say so`() {
    #expect(Evidence.healthy.codes == [])
    #expect(Diagnosis.headline(of: .healthy, []) == "nothing is wrong with chat")
    let figures = Diagnosis.figures(of: .healthy)
    #expect(figures.contains("main (hello/3): 2 of 2 replicas ready, 100% of the traffic"), "\(figures)")
    #expect(figures.contains("1000 requests in the last 15m, 0 failed"), "\(figures)")
    #expect(figures.contains("latency: 900ms for half of the requests, 2s for the slowest 5%"), "\(figures)")
  }

  @Test func `an endpoint of which nothing is known has no cause`() {
    #expect(Evidence(endpoint: "chat").codes == [])
  }

  @Test func `replicas that never served were not replaced`() {
    let evidence = Evidence.changed { $0.failures = [FailureEvidence("broken weights", code: "damaged-weights")] }
    #expect(evidence.codes == [])
  }

  @Test func `the page of causes names each of them`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/explain.md"), encoding: .utf8)
    for code in Diagnosis.codes { #expect(page.contains("`\(code)`"), "\(code)") }
  }

  @Test func `each cause has one name`() {
    #expect(Diagnosis.codes.count == Set(Diagnosis.codes).count)
  }

  @Test func `what fails comes first, then what explains the rest`() {
    let evidence = Evidence.ended(429, 200, .queueFull)
    var both = evidence
    both.requests?.queue = Percentiles(900, 4000, 6000)
    both.requests?.firstToken = Percentiles(1200, 4400, 6500)
    both.requests?.byPrincipal[0].busy = 4_000_000
    #expect(both.codes == ["queue-full", "dominant-caller", "queue-time"])
  }

  @Test func `the log line and the number of failures are evidence`() throws {
    let evidence = Evidence.failed("damaged-weights", "a weights file is truncated") { failure in
      failure.count = 5
      failure.retryIn = .seconds(80)
    }
    let causes = Diagnosis.causes(of: evidence)
    #expect(causes.map(\.code) == ["damaged-weights", "update-failed", "crash-loop"])
    let first = try #require(causes.first)
    #expect(first.evidence == ["the log: ValueError: the line", "5 failures in a row, the last one 4s ago"])
    #expect(first.summary == "a replica of main (hello/3) does not start: a weights file is truncated")
    #expect(
      Diagnosis.headline(of: evidence, causes)
        == "chat is not ready: a replica of main (hello/3) does not start: a weights file is truncated")
    #expect(causes.last?.evidence == ["5 failures in a row", "the next start is due in 1m20s"])
  }

  @Test func `a caller without a name is one caller`() throws {
    let evidence = Evidence.changed { evidence in
      evidence.requests?.queue = Percentiles(900, 4000, 6000)
      evidence.requests?.byPrincipal[0].busy = 4_000_000
      evidence.requests?.byPrincipal[0].name = nil
    }
    let cause = try #require(Diagnosis.causes(of: evidence).first)
    #expect(cause.summary == "one caller takes 88% of the replicas' time, and other requests wait")
  }
}
