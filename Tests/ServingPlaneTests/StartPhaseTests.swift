import Gateway
import Scheduling
import Testing

@testable import ServingPlane

/// The phases of a replica's start: how they are seen, how long they took, and what is said of them.
@Suite struct StartPhaseTests {
  @Test(
    arguments: [
      ("", .starting),
      ("INFO 11-21 22:50:33 [model.py:530] Resolved architecture: LlamaForCausalLM\n", .starting),
      ("(Worker pid=7) INFO 11-21 22:50:52 [cpu_model_runner.py:68] Starting to load model weights...\r\n", .loading),
      ("Starting to load model m...\nLoading weights took 24.81 seconds\n", .warming),
      ("Starting to load model m...\nModel loading took 14.2 GiB memory and 25.1 seconds\n", .warming),
      ("(Worker pid=7) INFO [cpu_model_runner.py:87] Warming up model for the compilation...\n", .warming),
      ("GPU KV cache size: 102,400 tokens, Maximum concurrency for 8,192 tokens per request: 12.50x\n", .warming),
      ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  10%|#         | 7/67\n", .warming),
      ("init engine (profile, create kv cache, warmup model) took 2.81 s\n", .warming),
      ("a server of another kind prints what it likes\n", .starting),
    ] as [(String, StartPhase)])
  func `an engine's output shows how far its start has come`(log: String, phase: StartPhase) {
    #expect(StartPhase.shown(by: log) == phase)
  }

  @Test func `phases are in order, and each is the state of a replica`() {
    #expect(StartPhase.allCases == StartPhase.allCases.sorted())
    for phase in StartPhase.allCases { #expect(StartPhase(phase.state) == phase && phase.state.isComing) }
    #expect(StartPhase(.pending) == .starting)
    for state in [.ready, .draining, .stopping, .stopped, .failed(cause: "x")] as [ReplicaState] {
      #expect(StartPhase(state) == nil)
    }
  }

  @Test func `each phase lasts until the next one, and the last one until the replica is ready`() {
    let began: [StartPhase: Int64] = [.loading: 5_000, .warming: 30_200]
    let coming = StartTimes(created: 1_000, began: began, end: nil)
    #expect(coming.current?.phase == .warming && coming.current?.since == 30_200)
    #expect(coming.text == "starting 4s, loading weights 25s")
    let ready = StartTimes(created: 1_000, began: began, end: 39_000)
    #expect(ready.current == nil && ready.total == 38_000)
    #expect(ready.text == "starting 4s, loading weights 25s, warming 9s")
  }

  @Test func `a phase that was not seen is not shown`() {
    let other = StartTimes(created: 0, began: [.warming: 3_000], end: 3_050)
    #expect(other.text == "starting 3s, warming 0.1s" && other.totalText == "3.1s" && other.entries.count == 2)
    let early = StartTimes(created: 0, began: [:], end: nil)
    #expect(early.text.isEmpty && early.current?.phase == .starting)
  }

  @Test func `a clock that is set back makes no phase negative`() {
    let times = StartTimes(created: 9_000, began: [.loading: 2_000, .warming: 1_000], end: 0)
    #expect(times.entries.map(\.duration) == [0, 0, 0])
    let absurd = StartTimes(created: .min, began: [.loading: .max], end: .max)
    #expect(absurd.entries.count == 2)
  }

  // MARK: Records

  private static func record(wasReady: Bool = false) -> ReplicaRecord {
    let placement = ReplicaPlacement(
      address: .tcp(host: "127.0.0.1", port: 20_001), devices: [], handle: ReplicaHandle())
    let launch = LaunchConfig(model: "main.chat.hello", version: 2, workloadType: "CPU", environment: [:])
    var record = ReplicaRecord(
      id: "a1", endpoint: "chat", launch: launch, configVersion: 1, placement: placement, created: 1_000)
    record.note(.loading, at: 5_000)
    record.note(.warming, at: 30_000)
    guard wasReady else { return record }
    record.wasReady = true
    record.startedIn = 38_000
    return record
  }

  @Test func `the first sight of a phase counts, and a record keeps it`() throws {
    var record = Self.record()
    record.note(.loading, at: 7_000)
    record.stopReason = "scaled to zero"
    let stored = try ReplicaRecord(document: record.document())
    #expect(stored.start == record.start && stored.startPhase == .warming)
    #expect(stored.start?.text == "starting 4s, loading weights 25s")
    #expect(stored.handle.members.isEmpty && stored.stopReason == "scaled to zero")
  }

  @Test func `a replica has one event for each phase, and the last one gives the times`() {
    var record = Self.record(wasReady: true)
    #expect(record.events.map(\.at) == [1_000, 5_000, 30_000, 39_000])
    #expect(record.events.map(\.phase) == ["starting", "loading weights", "warming", "ready"])
    #expect(
      record.events.map(\.message) == [
        "replica a1 of main.chat.hello/2 is starting", "replica a1 is loading weights", "replica a1 is warming up",
        "replica a1 is ready after 38s: starting 4s, loading weights 25s, warming 9s",
      ])
    record.ended = 50_000
    #expect(record.events.last?.message == "replica a1 stopped")
    record.stopReason = "scaled to zero"
    #expect(record.events.last?.message == "replica a1 stopped: scaled to zero")
    record.failure = ReplicaFailure("it exited while serving: vLLM was killed by SIGKILL")
    #expect(record.events.last?.message == "replica a1 failed: it exited while serving: vLLM was killed by SIGKILL")
    #expect(record.events.last?.phase == "failed" && record.events.count == 5)
  }

  @Test func `a start that failed says how far it came`() {
    var record = Self.record()
    record.ended = 41_000
    record.failure = ReplicaFailure("out of memory")
    #expect(
      record.events.last?.message
        == "replica a1 failed after 40s (starting 4s, loading weights 25s, warming 11s): out of memory")
    #expect(!record.events.contains { $0.phase == "ready" })
  }

  @Test func `of a replica that an earlier version started, only its end is known`() {
    var record = Self.record()
    record.phases = nil
    record.wasReady = true
    #expect(record.start == nil && record.events.isEmpty)
    #expect(record.phase(.ready).name == "ready" && record.phase(.ready).since == nil)
    record.ended = 50_000
    #expect(record.events.map(\.message) == ["replica a1 stopped"])
  }

  @Test func `the phase of a replica is that of its start, or its state`() {
    let starting = Self.record()
    #expect(starting.phase(.warming).name == "warming" && starting.phase(.warming).since == 30_000)
    var ready = Self.record(wasReady: true)
    #expect(ready.phase(.ready).name == "ready" && ready.phase(.ready).since == 39_000)
    #expect(ready.phase(.draining).name == "draining" && ready.phase(nil).name == "draining")
    #expect(ready.phase(.stopping).name == "stopping")
    ready.ended = 50_000
    #expect(ready.phase(.ready).name == "stopped" && ready.phase(.ready).since == 50_000)
  }

  @Test func `the events of an endpoint are those of all its replicas in order of time`() {
    var book = ReplicaBook()
    var other = ReplicaRecord(
      id: "b2", endpoint: "chat", launch: Self.record().launch, configVersion: 1,
      placement: ReplicaPlacement(
        address: .tcp(host: "127.0.0.1", port: 20_002), devices: [], handle: ReplicaHandle()), created: 6_000)
    other.ended = 7_000
    book["a1"] = Self.record()
    book["b2"] = other
    #expect(
      book.events(of: "chat").map { "\($0.replica) \($0.phase)" } == [
        "a1 starting", "a1 loading weights", "b2 starting", "b2 stopped", "a1 warming",
      ])
    #expect(book.events(of: "wiki").isEmpty)
    #expect(book.starts(of: "chat").keys.sorted() == ["a1"])
  }
}
