import Scheduling
import Testing

/// A queue and the time of its test. A class, so that expectations can call mutating methods.
private final class Bench {
  var queue: WorkQueue<String>
  var now: Duration = .zero

  /// Back-off of 10, 20, 40, ... 100 seconds, without jitter.
  init() { queue = WorkQueue(backoff: Backoff(first: .seconds(10), cap: .seconds(100), factor: 2, jitter: 0)) }

  func add(_ key: String, _ priority: WorkPriority = .edit, after seconds: Int = 0) {
    queue.add(key, priority: priority, after: .seconds(seconds), now: now)
  }

  func take() -> WorkQueue<String>.Taken? { queue.take(now: now) }

  func takeKey() -> String? { take()?.key }

  /// Everything that is ready, in order; all of it is running then.
  func takeAll() -> [String] {
    var keys: [String] = []
    while let key = takeKey() { keys.append(key) }
    return keys
  }

  func finish(_ key: String, _ outcome: WorkOutcome = .done) {
    queue.finish(key, outcome, now: now, chance: 0.5)
  }

  func wait(_ seconds: Int) { now += .seconds(seconds) }
}

@Suite struct WorkQueueTests {
  private let bench = Bench()

  // MARK: One key, one run

  @Test func `several adds of a queued key are one run`() {
    for _ in 0..<3 { bench.add("a") }
    #expect(bench.takeAll() == ["a"])
    bench.finish("a")
    #expect(bench.takeAll() == [])
    #expect(bench.queue.adds == 1)
  }

  @Test func `a key that is added during its run runs once more afterwards`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    for _ in 0..<3 { bench.add("a") }
    #expect(bench.takeKey() == nil, "never twice at once")
    bench.finish("a")
    #expect(bench.takeKey() == "a")
    bench.finish("a")
    #expect(bench.takeKey() == nil)
  }

  @Test func `each run that adds its own key is followed by another`() {
    bench.add("a")
    for _ in 0..<50 {
      #expect(bench.takeKey() == "a")
      bench.add("a")
      #expect(bench.takeKey() == nil)
      bench.finish("a")
    }
    #expect(bench.takeKey() == "a")
  }

  @Test func `a finished key can be added again`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.finish("a")
    bench.add("a")
    #expect(bench.takeKey() == "a")
  }

  @Test func `finishing a key that is not running changes nothing`() {
    bench.finish("a", .failed)
    bench.add("a")
    bench.finish("a", .failed)
    #expect(bench.queue.depth == 1)
    #expect(bench.queue.failing == 0)
    #expect(bench.takeKey() == "a")
  }

  @Test func `a key that is added for later during its run waits for that time`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.add("a", after: 30)
    bench.finish("a")
    #expect(bench.takeKey() == nil)
    bench.wait(30)
    #expect(bench.takeKey() == "a")
  }

  @Test func `finished keys are not kept`() {
    for number in 0..<100 {
      bench.add("key \(number)", after: number % 3)
    }
    bench.wait(2)
    for key in bench.takeAll() { bench.finish(key) }
    #expect(bench.queue.known == 0)
    #expect(bench.queue.nextReady == nil)
  }

  // MARK: Time

  @Test func `a key is handed out when its time has come and not before`() {
    bench.add("a", after: 10)
    #expect(bench.queue.depth == 0 && bench.queue.waiting == 1)
    #expect(bench.queue.nextReady == .seconds(10))
    bench.now = .milliseconds(9_999)
    #expect(bench.takeKey() == nil)
    bench.now = .seconds(10)
    #expect(bench.take()?.waited == .zero)
  }

  @Test(arguments: [[10, 20], [20, 10]])
  func `of two delayed adds, the earlier time counts`(delays: [Int]) {
    for delay in delays { bench.add("a", after: delay) }
    bench.wait(10)
    #expect(bench.takeKey() == "a")
    bench.finish("a")
    bench.wait(10)
    #expect(bench.takeKey() == nil)
  }

  @Test func `a delayed key is ready at once when it is added without delay`() {
    bench.add("a", .resync, after: 60)
    bench.add("a", .resync)
    #expect(bench.takeKey() == "a")
  }

  @Test func `keys become ready in the order of their times, whatever the order of the adds`() {
    for (key, delay) in [("c", 3), ("a", 1), ("d", 4), ("b", 2), ("a2", 1)] { bench.add(key, after: delay) }
    bench.wait(10)
    #expect(bench.takeAll() == ["a", "a2", "b", "c", "d"])
  }

  @Test func `a key reports how long it was ready, and not how long it was delayed`() {
    bench.add("a", after: 10)
    bench.wait(25)
    #expect(bench.take()?.waited == .seconds(15))
    bench.add("a")
    bench.wait(5)
    bench.finish("a")
    bench.wait(2)
    #expect(bench.take()?.waited == .seconds(7), "an add during the run counts from the add")
  }

  @Test func `a clock that goes back and a negative delay do no harm`() {
    bench.wait(100)
    bench.add("a", after: -50)
    #expect(bench.take()?.waited == .zero)
    bench.now = .seconds(40)
    bench.add("b", after: 10)
    #expect(bench.queue.nextReady == .seconds(110))
  }

  // MARK: Priority

  @Test func `higher priorities go first, and within a priority the earliest add`() {
    for key in ["r1", "r2"] { bench.add(key, .resync) }
    for key in ["e1", "e2"] { bench.add(key, .edit) }
    for key in ["x1", "x2"] { bench.add(key, .rescue) }
    #expect(bench.queue.depth(of: .resync) == 2)
    #expect(bench.takeAll() == ["x1", "x2", "e1", "e2", "r1", "r2"])
  }

  @Test func `an edit goes before ten thousand keys of a resync`() {
    for number in 0..<10_000 { bench.add("key \(number)", .resync) }
    bench.add("key 9999", .edit)
    #expect(bench.takeKey() == "key 9999")
    #expect(bench.takeKey() == "key 0")
  }

  @Test func `a key whose priority rises goes to the end of the new priority`() {
    for key in ["a", "b"] { bench.add(key, .resync) }
    for key in ["c", "d"] { bench.add(key, .edit) }
    bench.add("a", .edit)
    #expect(bench.takeAll() == ["c", "d", "a", "b"])
  }

  @Test func `a priority never drops, and an add with the same one keeps the position`() {
    bench.add("a", .edit)
    bench.add("b", .edit)
    bench.add("a", .resync)
    bench.add("a", .edit)
    let first = bench.take()
    #expect(first?.key == "a" && first?.priority == .edit)
  }

  @Test func `a delayed key keeps the highest priority of its adds`() {
    bench.add("a", .rescue, after: 20)
    bench.add("a", .resync, after: 10)
    bench.wait(10)
    #expect(bench.take()?.priority == .rescue)
  }

  @Test func `a key of high priority goes first as soon as its time has come`() {
    bench.add("low", .resync)
    bench.add("high", .edit, after: 5)
    bench.wait(5)
    #expect(bench.takeAll() == ["high", "low"])
  }

  @Test func `an add during a run sets the priority of the next run`() {
    bench.add("a", .resync)
    #expect(bench.take()?.priority == .resync)
    bench.add("a", .resync)
    bench.add("a", .edit)
    bench.finish("a", .again(after: .seconds(60), .resync))
    #expect(bench.take()?.priority == .edit)
  }

  // MARK: How a run ends

  @Test func `a success that asks for another check comes back at that time with its new priority`() {
    bench.add("a", .rescue)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .again(after: .seconds(60), .resync))
    #expect(bench.queue.readyTime(of: "a") == .seconds(60))
    bench.wait(60)
    #expect(bench.take()?.priority == .resync)
  }

  @Test func `failures back off until a success forgets them`() {
    var waits: [Duration] = []
    bench.add("a")
    for _ in 0..<6 {
      #expect(bench.takeKey() == "a")
      bench.finish("a", .failed)
      let next = bench.queue.nextReady ?? bench.now
      waits.append(next - bench.now)
      bench.now = next
    }
    #expect(waits == [10, 20, 40, 80, 100, 100].map { .seconds($0) })
    #expect(bench.take()?.failures == 6)
    bench.finish("a", .again(after: .seconds(1), .edit))
    #expect(bench.queue.failing == 0)
    bench.wait(1)
    #expect(bench.take()?.failures == 0)
    bench.finish("a", .failed)
    #expect(bench.queue.nextReady.map { $0 - bench.now } == .seconds(10))
  }

  @Test func `a failure keeps the priority of its run`() {
    bench.add("a", .rescue)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .failed)
    bench.wait(10)
    #expect(bench.take()?.priority == .rescue)
  }

  @Test func `a failure takes precedence over a request for an early check`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.add("a", .resync, after: 1)
    bench.finish("a", .failed)
    #expect(bench.queue.nextReady == .seconds(10))
  }

  @Test func `a resync during backoff does not shorten it`() {
    bench.add("a", .resync)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .failed)
    bench.add("a", .resync)
    bench.add("a", .edit, after: 1)
    #expect(bench.queue.nextReady == .seconds(10))
    bench.wait(10)
    #expect(bench.take()?.priority == .edit)
  }

  @Test(arguments: [true, false])
  func `an edit ends backoff but does not reset the failure count`(duringTheRun: Bool) {
    bench.add("a", .resync)
    #expect(bench.takeKey() == "a")
    if duringTheRun { bench.add("a", .edit) }
    bench.finish("a", .failed)
    if !duringTheRun { bench.add("a", .edit) }
    let retried = bench.take()
    #expect(retried?.key == "a" && retried?.failures == 1)
    bench.finish("a", .failed)
    #expect(bench.queue.nextReady == .seconds(20))
  }

  @Test func `an edit and a resync during a failing run are kept apart`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.add("a", .edit, after: 5)
    bench.add("a", .resync)
    bench.finish("a", .failed)
    #expect(bench.queue.nextReady == .seconds(10), "neither is an immediate edit")
  }

  @Test func `nothing runs before the time that a server asked for`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.finish("a", .failedFor(atLeast: .seconds(45)))
    bench.add("a", .rescue)
    #expect(bench.queue.nextReady == .seconds(45))
    bench.wait(45)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .failedFor(atLeast: .seconds(1)))
    #expect(bench.queue.nextReady == .seconds(46), "a short pause stays short, however often it failed before")
  }

  @Test func `a terminal error waits for an add and keeps the earlier failures`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.finish("a", .failed)
    bench.wait(10)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .terminal)
    #expect(bench.queue.nextReady == nil)
    bench.add("a", .resync)
    #expect(bench.take()?.failures == 1, "at once, because nothing is pending")
  }

  @Test func `an add during a run that ends with a terminal error causes another run`() {
    bench.add("a")
    #expect(bench.takeKey() == "a")
    bench.add("a", .resync)
    bench.finish("a", .terminal)
    #expect(bench.takeKey() == "a")
    bench.finish("a", .terminal)
    #expect(bench.queue.known == 0)
  }

  // MARK: Statistics

  @Test func `unfinished work is measured`() {
    for key in ["a", "b"] {
      bench.add(key)
      #expect(bench.takeKey() == key)
      bench.wait(5)
    }
    let unfinished = bench.queue.unfinished(now: bench.now)
    #expect(unfinished.longest == .seconds(10) && unfinished.total == .seconds(15))
    #expect(bench.queue.running == 2)
  }
}
