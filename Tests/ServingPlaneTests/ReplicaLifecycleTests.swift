import Gateway
import Synchronization
import Testing

@testable import ServingPlane

/// What a life reported.
private final class Reports: Sendable {
  private let words = Mutex<[String]>([])
  var all: [String] { words.withLock { $0 } }
  func add(_ word: String) { words.withLock { $0.append(word) } }
}

/// What a plane recorded for its successor.
private final class Kept: Sendable {
  private let state = Mutex(ReplicaHandle())
  var handle: ReplicaHandle { state.withLock { $0 } }
  func keep(_ handle: ReplicaHandle) { state.withLock { $0 = handle } }
}

extension ReplicaReport {
  fileprivate var word: String {
    switch self {
    case .started: "started"
    case .phase(let phase): phase.rawValue
    case .ready(let models): "ready as \(models.joined(separator: ", "))"
    case .changed: "changed"
    case .stopping: "stopping"
    case .failing: "failing"
    case .over(let failure): failure.map { "over: \($0.explanation)" } ?? "over"
    }
  }

  fileprivate var isReady: Bool { if case .ready = self { true } else { false } }
}

/// The life of one replica on a backend without processes.
@Suite struct ReplicaLifecycleTests {
  private static let version = ModelVersion(
    model: "hello", number: 1, task: "llm/v1/chat", entrypoint: "vllm serve m", artifacts: "/nowhere",
    source: "/nowhere", created: 0)

  private static func record(_ id: String, on backend: MemoryBackend) async -> ReplicaRecord {
    let launch = LaunchConfig(model: "hello", version: 1, workloadType: "CPU", environment: [:])
    return ReplicaRecord(
      id: id, endpoint: "chat", launch: launch, configVersion: 1,
      placement: await backend.place(id, launch, version, beside: []), created: 0)
  }

  private static var timing: ReplicaTiming {
    var timing = ReplicaTiming()
    timing.pollEvery = .milliseconds(5)
    timing.probeEvery = .milliseconds(20)
    timing.tokenEvery = .zero
    return timing
  }

  /// Runs the life of a replica, or what is left of an adopted one's.
  ///
  /// - Parameter onReport: called with each report before the life continues.
  /// - Returns: the reports.
  private func live(
    _ record: ReplicaRecord, on backend: MemoryBackend, adopting replica: (any RunningReplica)? = nil,
    signal: StopSignal = StopSignal(), trouble: TroubleSignal = TroubleSignal(), timing: ReplicaTiming? = nil,
    onReport: @escaping @Sendable (ReplicaReport) -> Void = { _ in }, recovered: @escaping @Sendable () -> Void = {}
  ) async -> [String] {
    let timing = timing ?? Self.timing
    let reports = Reports()
    let probes = ReplicaProbes()
    let start = { @Sendable () async throws(ReplicaFailure) -> any RunningReplica in
      try await backend.start(record, ReplicaModel(version: Self.version))
    }
    let beginning: ReplicaLifecycle.Beginning = if let replica { .adoption(replica) } else { .start(start) }
    let lifecycle = ReplicaLifecycle(
      record: record, beginning: beginning, backend: backend, task: Self.version.task, program: "python",
      engine: EngineName.vLLM, timing: timing, probe: probes.probe(record.address, timing: timing),
      signal: signal,
      startLimiter: StartLimiter(burst: 100, spacing: .seconds(1)), untilDrained: {}, cutOff: {}, trouble: trouble,
      recovered: recovered,
      report: { report in
        reports.add(report.word)
        onReport(report)
      })
    await lifecycle.run()
    await probes.shutdown()
    return reports.all
  }

  @Test func `a replica starts, is ready once it has generated a token, and its exit is reported with the cause`()
    async throws
  {
    try await withMemoryBackend { backend in
      let record = await Self.record("r1", on: backend)
      let reports = await live(record, on: backend) { report in
        if report.isReady {
          backend.exit("r1", with: .code(1), saying: "torch.OutOfMemoryError: CUDA out of memory.\n")
        }
      }
      let expected = ["started", "loading weights", "changed", "warming", "ready as m", "failing"]
      #expect(reports.dropLast() == expected[...], "\(reports)")
      #expect(reports.last?.hasPrefix("over: it exited while serving: out of memory") == true, "\(reports)")
      #expect(backend.remaining == [])
      #expect(backend.terminated == [])
    }
  }

  @Test func `a replica that is told to stop at the instant of readiness shuts down, and nothing of it is left`()
    async throws
  {
    try await withMemoryBackend { backend in
      let record = await Self.record("r1", on: backend)
      let signal = StopSignal()
      let reports = await live(record, on: backend, signal: signal) { report in
        if report.isReady { signal.send(.now) }
      }
      #expect(reports == ["started", "loading weights", "changed", "warming", "ready as m", "stopping", "over"])
      #expect(backend.terminated == ["r1"])
      #expect(backend.remaining == [])
    }
  }

  @Test func `a replica that is told to stop while it generates its first token leaves nothing behind`() async throws {
    try await withMemoryBackend { backend in
      for round in 1...20 {
        let id = "r\(round)"
        let signal = StopSignal()
        backend.onToken { signal.send(.now) }
        let reports = await live(await Self.record(id, on: backend), on: backend, signal: signal)
        #expect(reports.last == "over", "\(reports)")
        #expect(backend.remaining == [])
        // A replica that has served is asked to shut down; another one is ended at once.
        #expect(backend.terminated.contains(id) == reports.contains("stopping"), "\(reports)")
      }
    }
  }

  @Test func `a replica that cannot start, or must not continue to run, ends with the backend's reason`() async throws {
    try await withMemoryBackend { backend in
      let trespass = ReplicaFailure("the replica is open to everyone")
      let ended = await live(await Self.record("r1", on: backend), on: backend) { report in
        if report.isReady { backend.violate("r1", trespass) }
      }
      #expect(ended.suffix(2) == ["failing", "over: the replica is open to everyone"], "\(ended)")
      backend.refuse(ReplicaFailure("no node has room"))
      let refused = await live(await Self.record("r2", on: backend), on: backend)
      #expect(refused == ["over: no node has room"])
      #expect(backend.remaining == [])
    }
  }

  @Test func `a replica in trouble is checked at once, and again until it generates a token; then its pause ends`()
    async throws
  {
    var timing = Self.timing
    timing.probeEvery = .seconds(600)
    timing.troubleEvery = .milliseconds(1)
    let (tokens, token) = AsyncStream<Void>.makeStream()
    let (recoveries, recovery) = AsyncStream<Void>.makeStream()
    try await withMemoryBackend { [timing] backend in
      let record = await Self.record("r1", on: backend)
      let (signal, trouble) = (StopSignal(), TroubleSignal())
      backend.onToken { token.yield() }
      async let life = live(
        record, on: backend, signal: signal, trouble: trouble, timing: timing, recovered: { recovery.yield() })
      var requested = tokens.makeAsyncIterator()
      // Those of the start and of the first usual check.
      for _ in 1...2 { _ = await requested.next() }
      backend.refuseTokens(2)
      for _ in 0..<100 { trouble.raise() }
      for _ in 1...3 { _ = await requested.next() }
      var recovered = recoveries.makeAsyncIterator()
      _ = await recovered.next()
      trouble.raise()
      _ = await recovered.next()
      signal.send(.now)
      let reports = await life
      #expect(reports.last == "over", "\(reports)")
      #expect(!trouble.isRaised)
      #expect(backend.remaining == [])
    }
  }

  @Test func `a replica is left running if the plane goes, and continues to be supervised once it is adopted`()
    async throws
  {
    try await withMemoryBackend { backend in
      var record = await Self.record("r1", on: backend)
      let (ready, isReady) = AsyncStream<Void>.makeStream()
      let kept = Kept()
      let plane = Task { [record] in
        await live(record, on: backend) { report in
          if case .changed(let handle) = report { kept.keep(handle) }
          if report.isReady { isReady.yield() }
        }
      }
      for await _ in ready { break }
      plane.cancel()
      let reports = await plane.value
      #expect(reports.last == "ready as m", "\(reports)")
      #expect(backend.running == ["r1"])

      record.handle = kept.handle
      record.wasReady = true
      let found = try #require(await backend.find([record])["r1"])
      let signal = StopSignal()
      signal.send(.drain(.seconds(600)))
      #expect(await live(record, on: backend, adopting: found, signal: signal) == ["stopping", "over"])
      #expect(backend.starts == 1)
      #expect(backend.remaining == [])
    }
  }
}
