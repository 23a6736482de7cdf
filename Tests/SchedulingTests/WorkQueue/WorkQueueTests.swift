import Scheduling
import Testing

/// A queue and the time of its test. A class, so that expectations can call mutating methods.
private final class Harness {
  var queue: WorkQueue<String>
  var now: Duration = .zero

  /// Back-off of 10, 20, 40, ... 100 seconds, without jitter.
  init() { queue = WorkQueue(backoff: Backoff(first: .seconds(10), cap: .seconds(100), factor: 2, jitter: 0)) }

  func add(_ key: String, _ priority: WorkPriority = .edit, after seconds: Int = 0) {
    queue.add(key, priority: priority, after: .seconds(seconds), now: now)
  }

  func take() -> WorkQueue<String>.WorkItem? { queue.take(now: now) }

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
  private let harness = Harness()

  // MARK: One key, one run

  @Test func `several adds of a queued key are one run`() {
    for _ in 0..<3 { harness.add("a") }
    #expect(harness.takeAll() == ["a"])
    harness.finish("a")
    #expect(harness.takeAll() == [])
    #expect(harness.queue.adds == 1)
  }

  @Test func `a key that is added during its run runs once more afterwards`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    for _ in 0..<3 { harness.add("a") }
    #expect(harness.takeKey() == nil, "never twice at once")
    harness.finish("a")
    #expect(harness.takeKey() == "a")
    harness.finish("a")
    #expect(harness.takeKey() == nil)
  }

  @Test func `each run that adds its own key is followed by another`() {
    harness.add("a")
    for _ in 0..<50 {
      #expect(harness.takeKey() == "a")
      harness.add("a")
      #expect(harness.takeKey() == nil)
      harness.finish("a")
    }
    #expect(harness.takeKey() == "a")
  }

  @Test func `a finished key can be added again`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.finish("a")
    harness.add("a")
    #expect(harness.takeKey() == "a")
  }

  @Test func `finishing a key that is not running changes nothing`() {
    harness.finish("a", .failed)
    harness.add("a")
    harness.finish("a", .failed)
    #expect(harness.queue.depth == 1)
    #expect(harness.queue.failing == 0)
    #expect(harness.takeKey() == "a")
  }

  @Test func `a key that is added for later during its run waits for that time`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.add("a", after: 30)
    harness.finish("a")
    #expect(harness.takeKey() == nil)
    harness.wait(30)
    #expect(harness.takeKey() == "a")
  }

  @Test func `finished keys are not kept`() {
    for number in 0..<100 {
      harness.add("key \(number)", after: number % 3)
    }
    harness.wait(2)
    for key in harness.takeAll() { harness.finish(key) }
    #expect(harness.queue.known == 0)
    #expect(harness.queue.nextReady == nil)
  }

  // MARK: Time

  @Test func `a key is handed out when its time has come and not before`() {
    harness.add("a", after: 10)
    #expect(harness.queue.depth == 0 && harness.queue.waiting == 1)
    #expect(harness.queue.nextReady == .seconds(10))
    harness.now = .milliseconds(9_999)
    #expect(harness.takeKey() == nil)
    harness.now = .seconds(10)
    #expect(harness.take()?.waited == .zero)
  }

  @Test(arguments: [[10, 20], [20, 10]])
  func `of two delayed adds, the earlier time counts`(delays: [Int]) {
    for delay in delays { harness.add("a", after: delay) }
    harness.wait(10)
    #expect(harness.takeKey() == "a")
    harness.finish("a")
    harness.wait(10)
    #expect(harness.takeKey() == nil)
  }

  @Test func `a delayed key is ready at once when it is added without delay`() {
    harness.add("a", .resync, after: 60)
    harness.add("a", .resync)
    #expect(harness.takeKey() == "a")
  }

  @Test func `keys become ready in the order of their times, whatever the order of the adds`() {
    for (key, delay) in [("c", 3), ("a", 1), ("d", 4), ("b", 2), ("a2", 1)] { harness.add(key, after: delay) }
    harness.wait(10)
    #expect(harness.takeAll() == ["a", "a2", "b", "c", "d"])
  }

  @Test func `a key reports how long it was ready, and not how long it was delayed`() {
    harness.add("a", after: 10)
    harness.wait(25)
    #expect(harness.take()?.waited == .seconds(15))
    harness.add("a")
    harness.wait(5)
    harness.finish("a")
    harness.wait(2)
    #expect(harness.take()?.waited == .seconds(7), "an add during the run counts from the add")
  }

  @Test func `a clock that goes back and a negative delay do no harm`() {
    harness.wait(100)
    harness.add("a", after: -50)
    #expect(harness.take()?.waited == .zero)
    harness.now = .seconds(40)
    harness.add("b", after: 10)
    #expect(harness.queue.nextReady == .seconds(110))
  }

  // MARK: Priority

  @Test func `higher priorities go first, and within a priority the earliest add`() {
    for key in ["r1", "r2"] { harness.add(key, .resync) }
    for key in ["e1", "e2"] { harness.add(key, .edit) }
    for key in ["x1", "x2"] { harness.add(key, .rescue) }
    #expect(harness.queue.depth(of: .resync) == 2)
    #expect(harness.takeAll() == ["x1", "x2", "e1", "e2", "r1", "r2"])
  }

  @Test func `an edit goes before ten thousand keys of a resync`() {
    for number in 0..<10_000 { harness.add("key \(number)", .resync) }
    harness.add("key 9999", .edit)
    #expect(harness.takeKey() == "key 9999")
    #expect(harness.takeKey() == "key 0")
  }

  @Test func `a key whose priority rises goes to the end of the new priority`() {
    for key in ["a", "b"] { harness.add(key, .resync) }
    for key in ["c", "d"] { harness.add(key, .edit) }
    harness.add("a", .edit)
    #expect(harness.takeAll() == ["c", "d", "a", "b"])
  }

  @Test func `a priority never drops, and an add with the same one keeps the position`() {
    harness.add("a", .edit)
    harness.add("b", .edit)
    harness.add("a", .resync)
    harness.add("a", .edit)
    let first = harness.take()
    #expect(first?.key == "a" && first?.priority == .edit)
  }

  @Test func `a delayed key keeps the highest priority of its adds`() {
    harness.add("a", .rescue, after: 20)
    harness.add("a", .resync, after: 10)
    harness.wait(10)
    #expect(harness.take()?.priority == .rescue)
  }

  @Test func `a key of high priority goes first as soon as its time has come`() {
    harness.add("low", .resync)
    harness.add("high", .edit, after: 5)
    harness.wait(5)
    #expect(harness.takeAll() == ["high", "low"])
  }

  @Test func `an add during a run sets the priority of the next run`() {
    harness.add("a", .resync)
    #expect(harness.take()?.priority == .resync)
    harness.add("a", .resync)
    harness.add("a", .edit)
    harness.finish("a", .again(after: .seconds(60), .resync))
    #expect(harness.take()?.priority == .edit)
  }

  // MARK: How a run ends

  @Test func `a success that asks for another check comes back at that time with its new priority`() {
    harness.add("a", .rescue)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .again(after: .seconds(60), .resync))
    #expect(harness.queue.readyTime(of: "a") == .seconds(60))
    harness.wait(60)
    #expect(harness.take()?.priority == .resync)
  }

  @Test func `failures back off until a success forgets them`() {
    var waits: [Duration] = []
    harness.add("a")
    for _ in 0..<6 {
      #expect(harness.takeKey() == "a")
      harness.finish("a", .failed)
      let next = harness.queue.nextReady ?? harness.now
      waits.append(next - harness.now)
      harness.now = next
    }
    #expect(waits == [10, 20, 40, 80, 100, 100].map { .seconds($0) })
    #expect(harness.take()?.failures == 6)
    harness.finish("a", .again(after: .seconds(1), .edit))
    #expect(harness.queue.failing == 0)
    harness.wait(1)
    #expect(harness.take()?.failures == 0)
    harness.finish("a", .failed)
    #expect(harness.queue.nextReady.map { $0 - harness.now } == .seconds(10))
  }

  @Test func `a failure keeps the priority of its run`() {
    harness.add("a", .rescue)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .failed)
    harness.wait(10)
    #expect(harness.take()?.priority == .rescue)
  }

  @Test func `a failure takes precedence over a request for an early check`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.add("a", .resync, after: 1)
    harness.finish("a", .failed)
    #expect(harness.queue.nextReady == .seconds(10))
  }

  @Test func `a resync during backoff does not shorten it`() {
    harness.add("a", .resync)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .failed)
    harness.add("a", .resync)
    harness.add("a", .edit, after: 1)
    #expect(harness.queue.nextReady == .seconds(10))
    harness.wait(10)
    #expect(harness.take()?.priority == .edit)
  }

  @Test(arguments: [true, false])
  func `an edit ends backoff but does not reset the failure count`(duringTheRun: Bool) {
    harness.add("a", .resync)
    #expect(harness.takeKey() == "a")
    if duringTheRun { harness.add("a", .edit) }
    harness.finish("a", .failed)
    if !duringTheRun { harness.add("a", .edit) }
    let retried = harness.take()
    #expect(retried?.key == "a" && retried?.failures == 1)
    harness.finish("a", .failed)
    #expect(harness.queue.nextReady == .seconds(20))
  }

  @Test func `an edit and a resync during a failing run are kept apart`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.add("a", .edit, after: 5)
    harness.add("a", .resync)
    harness.finish("a", .failed)
    #expect(harness.queue.nextReady == .seconds(10), "neither is an immediate edit")
  }

  @Test func `nothing runs before the time that a server asked for`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.finish("a", .failedFor(atLeast: .seconds(45)))
    harness.add("a", .rescue)
    #expect(harness.queue.nextReady == .seconds(45))
    harness.wait(45)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .failedFor(atLeast: .seconds(1)))
    #expect(harness.queue.nextReady == .seconds(46), "a short pause stays short, however often it failed before")
  }

  @Test func `a terminal error waits for an add and keeps the earlier failures`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.finish("a", .failed)
    harness.wait(10)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .terminal)
    #expect(harness.queue.nextReady == nil)
    harness.add("a", .resync)
    #expect(harness.take()?.failures == 1, "at once, because nothing is pending")
  }

  @Test func `an add during a run that ends with a terminal error causes another run`() {
    harness.add("a")
    #expect(harness.takeKey() == "a")
    harness.add("a", .resync)
    harness.finish("a", .terminal)
    #expect(harness.takeKey() == "a")
    harness.finish("a", .terminal)
    #expect(harness.queue.known == 0)
  }

  // MARK: Statistics

  @Test func `unfinished work is measured`() {
    for key in ["a", "b"] {
      harness.add(key)
      #expect(harness.takeKey() == key)
      harness.wait(5)
    }
    let unfinished = harness.queue.unfinished(now: harness.now)
    #expect(unfinished.longest == .seconds(10) && unfinished.total == .seconds(15))
    #expect(harness.queue.running == 2)
  }
}
