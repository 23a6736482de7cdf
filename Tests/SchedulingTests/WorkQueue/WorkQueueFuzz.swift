import Scheduling
import Testing

/// A queue and its model, driven by the same random events and compared after each.
private final class Comparison {
  static let keys = 10
  static let backoff = Backoff(first: .seconds(4), cap: .seconds(30), factor: 2, jitter: 0.5)
  var queue = WorkQueue<Int>(backoff: backoff)
  var model = WorkQueueModel(keys: keys, backoff: backoff)
  var random: SeededGenerator
  /// The first difference; nothing more is done after it.
  var difference: String?

  init(seed: UInt64) { random = SeededGenerator(state: seed) }

  private func draw(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  private func report(_ text: @autoclosure () -> String) { if difference == nil { difference = text() } }

  private func delay() -> Duration { draw(2) == 0 ? .zero : .seconds(draw(12)) }

  private func priority() -> WorkPriority { WorkPriority(rawValue: draw(3)) ?? .resync }

  private func outcome() -> WorkOutcome {
    switch draw(8) {
    case 0, 1: .done
    case 2, 3: .again(after: delay(), priority())
    case 4, 5: .failed
    case 6: .failedFor(atLeast: .seconds(draw(20)))
    default: .terminal
    }
  }

  func step() {
    let key = draw(Self.keys)
    switch draw(20) {
    case 0..<7:
      let (priority, delay) = (priority(), delay())
      queue.add(key, priority: priority, after: delay, now: model.now)
      model.add(key, priority, after: delay)
    case 7..<12: take()
    case 12..<17:
      // Occasionally it is a key that is not running, which must change nothing.
      let (outcome, chance) = (outcome(), Double(draw(100)) / 100)
      queue.finish(key, outcome, now: model.now, chance: chance)
      if model.rows[key].isRunning { model.finish(key, outcome, chance: chance) }
    default: model.now += .seconds(draw(4))
    }
    compare()
  }

  func take() {
    let expected = model.next
    let taken = queue.take(now: model.now)
    guard let taken, let expected, taken.key == expected else {
      if taken?.key != expected { report("gave \(taken.debugDescription), not \(expected.debugDescription)") }
      return
    }
    let row = model.rows[expected]
    if row.isRunning { report("\(expected) runs twice") }
    if taken.waited != model.now - row.time { report("\(expected) waited \(taken.waited)") }
    if taken.priority != row.priority || taken.failures != row.failures { report("\(taken), not \(row)") }
    model.take(expected)
  }

  func compare() {
    queue.advance(to: model.now)
    var (depth, waiting, running, failing, known) = (0, 0, 0, 0, 0)
    var soonest: Duration?
    for row in model.rows {
      if row.isQueued {
        if row.time <= model.now { depth += 1 } else { waiting += 1 }
        if soonest.map({ row.time < $0 }) != false { soonest = row.time }
      }
      if row.isRunning { running += 1 }
      if row.failures > 0 { failing += 1 }
      if row.isQueued || row.isRunning || row.failures > 0 { known += 1 }
    }
    if queue.depth != depth || queue.waiting != waiting { report("\(queue.depth) ready, \(queue.waiting) waiting") }
    if queue.running != running || queue.failing != failing { report("\(queue.running) run, \(queue.failing) failing") }
    if queue.known != known { report("\(queue.known) keys kept, \(known) needed") }
    // For ready keys, only the fact that their time is past counts.
    if depth == 0, queue.nextReady != soonest { report("next \(queue.nextReady.debugDescription)") }
    if depth > 0, queue.nextReady.map({ $0 <= model.now }) != true { report("ready, and next is not now") }
  }

  /// Adds every key and ends every run with success: everything that is queued must come out, and then nothing is left.
  func drain() {
    for key in model.rows.indices {
      queue.add(key, priority: .resync, now: model.now)
      model.add(key, .resync, after: .zero)
    }
    for _ in 0..<(4 * Self.keys) {
      for key in model.rows.indices where model.rows[key].isRunning {
        queue.finish(key, .done, now: model.now, chance: 0)
        model.finish(key, .done, chance: 0)
      }
      take()
      compare()
      if model.next == nil { model.now += .seconds(60) }
    }
    if queue.known != 0 { report("\(queue.known) keys kept at the end") }
  }
}

@Suite struct WorkQueueFuzz {
  @Test(arguments: 0..<8)
  func `after any random events, the queue equals its model`(part: UInt64) {
    for seed in (part * 25)..<(part * 25 + 25) {
      let comparison = Comparison(seed: seed)
      for step in 0..<2_000 {
        comparison.step()
        if let difference = comparison.difference {
          Issue.record("seed \(seed), step \(step): \(difference)")
          return
        }
      }
      comparison.drain()
      #expect(comparison.difference == nil, "seed \(seed), drained")
    }
  }
}
