import Controller
import Scheduling
import Synchronization
import Testing

/// Lets the other tasks run until a condition holds. No time passes meanwhile.
private func until(
  _ what: String, _ location: SourceLocation = #_sourceLocation, _ isSo: () -> Bool
) async {
  for _ in 0..<5_000_000 {
    if isSo() { return }
    await Task.yield()
  }
  Issue.record("never happened: \(what)", sourceLocation: location)
}

/// Who works on what, as the workers themselves observed it.
private final class Ledger: Sendable {
  private struct State {
    var wanted: [String: Int] = [:]
    var seen: [String: Int] = [:]
    var runs: [String: Int] = [:]
    var running: Set<String> = []
  }

  private let state = Mutex(State())

  /// How often each key was processed.
  var runs: [String: Int] { state.withLock { $0.runs } }

  /// Whether the last run of each key started after its last add.
  var isEverythingSeen: Bool { state.withLock { $0.wanted == $0.seen } }

  func want(_ key: String) { state.withLock { $0.wanted[key, default: 0] += 1 } }

  /// The number of this run of the key, starting with one; fails if the key is already running.
  func begin(_ key: String) -> Int {
    let (run, isAlone) = state.withLock { state in
      state.seen[key] = state.wanted[key]
      state.runs[key, default: 0] += 1
      return (state.runs[key, default: 0], state.running.insert(key).inserted)
    }
    #expect(isAlone, "\(key) is worked on twice at once")
    return run
  }

  func end(_ key: String) { _ = state.withLock { $0.running.remove(key) } }
}

@Suite(.timeLimit(.minutes(2))) struct KeyQueueTests {
  private let clock = VirtualClock()
  private let queue: KeyQueue

  /// Back-off of 10, 20, 40, ... 100 seconds, without jitter.
  init() {
    let clock = clock
    queue = KeyQueue(
      backoff: Backoff(first: .seconds(10), cap: .seconds(100), factor: 2, jitter: 0), now: { clock.now },
      chance: { 0.5 }, sleep: { try await clock.sleep($0) })
  }

  private func untilIdle(_ workers: Int) async {
    await until("\(workers) workers wait for work") {
      let metrics = queue.metrics
      return metrics.idleWorkers == workers && metrics.depth == 0
    }
  }

  // MARK: Waiting

  @Test func `a worker that waits gets a key that is added`() async {
    async let taken = queue.next()
    await untilIdle(1)
    queue.add("a", priority: .edit)
    #expect(await taken?.key == "a")
    #expect(queue.metrics.idleWorkers == 0)
  }

  @Test func `a ready key is taken without waiting`() async {
    #expect(queue.takeReady() == nil)
    queue.add("a", priority: .resync)
    queue.add("b", priority: .edit)
    #expect(await queue.next()?.key == "b")
    #expect(queue.takeReady()?.key == "a")
    #expect(queue.takeReady() == nil)
  }

  @Test func `one ready key wakes one worker`() async {
    await withTaskGroup { group in
      for _ in 0..<4 { group.addTask { await queue.next()?.key } }
      await untilIdle(4)
      queue.add("a", priority: .edit)
      #expect(await group.next() == "a")
      #expect(queue.metrics.idleWorkers == 3)
      queue.shutDown()
      for await key in group { #expect(key == nil) }
    }
  }

  @Test func `a key that was added again during its run goes to a waiting worker`() async {
    queue.add("a", priority: .edit)
    #expect(queue.takeReady()?.key == "a")
    async let taken = queue.next()
    await untilIdle(1)
    queue.add("a", priority: .edit)
    #expect(queue.metrics.idleWorkers == 1, "not while it runs")
    queue.finish("a", .done)
    #expect(await taken?.key == "a")
  }

  // MARK: Time

  @Test func `one of the waiting workers sleeps until the next key is due`() async {
    queue.add("a", priority: .edit, after: .seconds(30))
    await withTaskGroup { group in
      for _ in 0..<4 { group.addTask { await queue.next()?.key } }
      await untilIdle(4)
      await until("a worker sleeps") { clock.sleepers == 1 }
      #expect(clock.sleeps == 1, "and nobody polls")
      clock.advance(to: .seconds(29))
      #expect(queue.takeReady() == nil)
      clock.advance(to: .seconds(30))
      #expect(await group.next() == "a")
      await untilIdle(3)
      await until("no worker sleeps") { clock.sleepers == 0 }
      queue.shutDown()
    }
    #expect(clock.sleeps == 1)
  }

  @Test func `a key for an earlier time wakes the sleeping worker`() async {
    queue.add("late", priority: .edit, after: .seconds(30))
    async let taken = queue.next()
    await until("a worker sleeps") { clock.sleepers == 1 && queue.metrics.idleWorkers == 1 }
    queue.add("early", priority: .edit, after: .seconds(10))
    await until("it sleeps again") { clock.sleeps == 2 && clock.sleepers == 1 && queue.metrics.idleWorkers == 1 }
    clock.advance(to: .seconds(10))
    #expect(await taken?.key == "early")
  }

  @Test func `a sleeping worker that gets other work hands the sleep to another`() async {
    queue.add("late", priority: .edit, after: .seconds(30))
    await withTaskGroup { group in
      for _ in 0..<2 { group.addTask { await queue.next()?.key } }
      await until("a worker sleeps") { clock.sleepers == 1 && queue.metrics.idleWorkers == 2 }
      queue.add("now 1", priority: .edit)
      #expect(await group.next() == "now 1")
      group.addTask { await queue.next()?.key }
      await untilIdle(2)
      for key in ["now 2", "now 3"] { queue.add(key, priority: .edit) }
      for _ in 0..<2 { #expect(await group.next() != nil) }
      group.addTask { await queue.next()?.key }
      await until("the new one sleeps") { clock.sleepers == 1 && queue.metrics.idleWorkers == 1 }
      clock.advance(to: .seconds(30))
      #expect(await group.next() == "late")
    }
    #expect(clock.sleepers == 0)
  }

  @Test func `a canceled sleeper hands the sleep to another`() async {
    queue.add("late", priority: .edit, after: .seconds(30))
    await withTaskGroup { group in
      // The first one that waits is the one that sleeps.
      let sleeper = Task { await queue.next()?.key }
      await until("it sleeps") { clock.sleepers == 1 && queue.metrics.idleWorkers == 1 }
      group.addTask { await queue.next()?.key }
      await untilIdle(2)
      sleeper.cancel()
      #expect(await sleeper.value == nil)
      await until("the other sleeps") { clock.sleepers == 1 && queue.metrics.idleWorkers == 1 }
      clock.advance(to: .seconds(30))
      #expect(await group.next() == "late")
    }
  }

  // MARK: Shutdown

  @Test func `a canceled worker gets nothing and leaves nothing behind`() async {
    let waiting = Task { await queue.next()?.key }
    await untilIdle(1)
    waiting.cancel()
    #expect(await waiting.value == nil)
    #expect(queue.metrics.idleWorkers == 0)
    queue.add("a", priority: .edit)
    #expect(queue.takeReady()?.key == "a", "the key is not lost to a canceled worker")
  }

  @Test func `a worker that is canceled before it asks takes nothing`() async {
    queue.add("a", priority: .edit)
    let worker = Task {
      await until("it is canceled") { Task.isCancelled }
      return await queue.next()?.key
    }
    worker.cancel()
    #expect(await worker.value == nil)
    #expect(queue.metrics.depth == 1)
  }

  @Test func `after shutdown, no worker gets a key, and running work can finish`() async {
    for key in ["running", "ready"] { queue.add(key, priority: .edit) }
    queue.add("late", priority: .edit, after: .seconds(30))
    #expect(queue.takeReady()?.key == "running")
    queue.shutDown()
    #expect(queue.takeReady() == nil)
    #expect(await queue.next() == nil)
    queue.finish("running", .done)
    #expect(queue.metrics.running == 0)
    #expect(queue.metrics.depth == 1, "queued keys are still counted")
  }

  @Test func `shutdown wakes every waiting or sleeping worker`() async {
    queue.add("late", priority: .edit, after: .seconds(30))
    await withTaskGroup { group in
      for _ in 0..<5 { group.addTask { await queue.next()?.key } }
      await untilIdle(5)
      queue.shutDown()
      for await key in group { #expect(key == nil) }
    }
    #expect(clock.sleepers == 0)
    #expect(queue.metrics.idleWorkers == 0)
  }

  // MARK: Statistics

  @Test func `the statistics count ready, late, running and failing keys`() {
    for key in ["a", "b", "c"] { queue.add(key, priority: .edit) }
    queue.add("d", priority: .resync)
    queue.add("d", priority: .resync)
    queue.add("e", priority: .rescue, after: .seconds(60))
    for _ in 0..<2 { _ = queue.takeReady() }
    clock.advance(to: .seconds(3))
    queue.finish("b", .failed)
    let metrics = queue.metrics
    #expect(metrics.depthByPriority == [.edit: 1, .resync: 1, .rescue: 0])
    #expect(metrics.depth == 2 && metrics.waiting == 2 && metrics.running == 1 && metrics.failing == 1)
    #expect(metrics.adds == 6, "five keys, one of them twice; the add that merged does not count")
    #expect(metrics.retries == 1)
    #expect(metrics.longestRunning == .seconds(3) && metrics.unfinishedWork == .seconds(3))
    #expect(queue.failures(of: "b") == 1 && queue.readyTime(of: "b") == .seconds(13))
  }

  // MARK: Many workers

  @Test func `every key goes through all its outcomes, whichever worker runs it and whenever`() async {
    let script: [WorkOutcome] = [
      .failed, .failedFor(atLeast: .seconds(25)), .again(after: .seconds(7), .resync), .done,
    ]
    let keys = (0..<200).map { "key \($0)" }
    let ledger = Ledger()
    await withTaskGroup { group in
      for _ in 0..<16 {
        group.addTask {
          while let taken = await queue.next() {
            let run = ledger.begin(taken.key)
            await Task.yield()
            ledger.end(taken.key)
            queue.finish(taken.key, script[min(run, script.count) - 1])
          }
        }
      }
      for (number, key) in keys.enumerated() {
        queue.add(key, priority: WorkPriority.allCases[number % 3], after: .seconds(number % 5))
      }
      while true {
        await untilIdle(16)
        guard let next = queue.nextReady else { break }
        clock.advance(to: next)
      }
      queue.shutDown()
    }
    #expect(ledger.runs == Dictionary(uniqueKeysWithValues: keys.map { ($0, script.count) }))
    #expect(clock.now == .seconds(4 + 10 + 25 + 7))
  }

  @Test func `every add is followed by a run that starts after it`() async {
    let keys = (0..<20).map { "key \($0)" }
    let ledger = Ledger()
    await withTaskGroup { group in
      for _ in 0..<16 {
        group.addTask {
          while let taken = await queue.next() {
            _ = ledger.begin(taken.key)
            await Task.yield()
            ledger.end(taken.key)
            queue.finish(taken.key, .done)
          }
        }
      }
      await withTaskGroup { producers in
        for producer in 0..<8 {
          producers.addTask {
            for step in 0..<1_000 {
              let key = keys[(step * 7 + producer) % keys.count]
              ledger.want(key)
              queue.add(key, priority: WorkPriority.allCases[step % 3])
              if step % 16 == 0 { await Task.yield() }
            }
          }
        }
      }
      await untilIdle(16)
      queue.shutDown()
    }
    #expect(ledger.isEverythingSeen)
    #expect(queue.metrics.running == 0)
  }

  @Test func `workers that are canceled again and again lose no key`() async {
    let ledger = Ledger()
    for number in 0..<300 {
      await withTaskGroup { group in
        for _ in 0..<3 {
          group.addTask {
            guard let taken = await queue.next() else { return }
            _ = ledger.begin(taken.key)
            ledger.end(taken.key)
            queue.finish(taken.key, .done)
          }
        }
        if number % 3 == 0 { await untilIdle(3) }
        queue.add("key \(number)", priority: .edit)
        group.cancelAll()
      }
      // The key that its canceled worker no longer got is still there.
      while let taken = queue.takeReady() {
        _ = ledger.begin(taken.key)
        ledger.end(taken.key)
        queue.finish(taken.key, .done)
      }
    }
    #expect(ledger.runs.count == 300)
    #expect(ledger.runs.values.allSatisfy { $0 == 1 })
    #expect(queue.metrics.idleWorkers == 0)
  }
}
