import Scheduling

/// What ``WorkQueue`` guarantees, in the simplest form: a table with linear search. Keys are small numbers.
struct WorkQueueModel {
  struct Request {
    var priority: WorkPriority
    var time: Duration
    var isUrgent: Bool
  }

  struct Row {
    var isQueued = false
    var isRunning = false
    var priority = WorkPriority.resync
    /// Queued: the time at which it becomes or became ready.
    var time = Duration.zero
    /// Queued: its position is determined by when it became ready with its priority, then by the order of the events.
    var moment = Duration.zero
    var order = 0
    var meanwhile: [Request] = []
    var failures = 0
    var backoffEnd = Duration.zero
    var earliest = Duration.zero
  }

  let backoff: Backoff
  var rows: [Row]
  var now = Duration.zero
  private var events = 0

  init(keys: Int, backoff: Backoff) {
    rows = Array(repeating: Row(), count: keys)
    self.backoff = backoff
  }

  mutating func add(_ key: Int, _ priority: WorkPriority, after: Duration) {
    let isUrgent = priority >= .edit && after == .zero
    let request = Request(priority: priority, time: now + after, isUrgent: isUrgent)
    if rows[key].isRunning {
      rows[key].meanwhile.append(request)
    } else {
      merge(key, request)
    }
  }

  private mutating func merge(_ key: Int, _ request: Request) {
    events += 1
    var row = rows[key]
    let time = max(request.time, row.earliest, request.isUrgent ? .zero : row.backoffEnd)
    let rises = !row.isQueued || request.priority > row.priority
    let isSooner = !row.isQueued || (row.time > now && time < row.time)
    row.time = row.isQueued ? min(row.time, time) : time
    row.isQueued = true
    if rises { row.priority = request.priority }
    if rises || isSooner { (row.moment, row.order) = (max(row.time, now), events) }
    rows[key] = row
  }

  /// The key that must be handed out now.
  var next: Int? {
    var best: Int?
    for key in rows.indices where rows[key].isQueued && rows[key].time <= now {
      guard let other = best else {
        best = key
        continue
      }
      let one = rows[key]
      let two = rows[other]
      let isBefore =
        one.priority != two.priority
        ? one.priority > two.priority
        : one.moment != two.moment ? one.moment < two.moment : one.order < two.order
      if isBefore { best = key }
    }
    return best
  }

  mutating func take(_ key: Int) {
    rows[key].isQueued = false
    rows[key].isRunning = true
  }

  mutating func finish(_ key: Int, _ outcome: WorkOutcome, chance: Double) {
    rows[key].isRunning = false
    let meanwhile = rows[key].meanwhile
    rows[key].meanwhile = []
    switch outcome {
    case .done: succeed(key)
    case .again(let after, let priority):
      succeed(key)
      merge(key, Request(priority: priority, time: now + after, isUrgent: false))
    case .failed: fail(key, atLeast: .zero, chance)
    case .failedFor(let wait): fail(key, atLeast: wait, chance)
    case .terminal: (rows[key].backoffEnd, rows[key].earliest) = (.zero, .zero)
    }
    for request in meanwhile { merge(key, request) }
  }

  private mutating func succeed(_ key: Int) {
    (rows[key].failures, rows[key].backoffEnd, rows[key].earliest) = (0, .zero, .zero)
  }

  private mutating func fail(_ key: Int, atLeast wait: Duration, _ chance: Double) {
    rows[key].failures += 1
    rows[key].backoffEnd =
      now
      + (backoff.pause(asked: wait, chance: chance)
        ?? backoff.delay(afterFailures: rows[key].failures, chance: chance))
    rows[key].earliest = now + wait
    merge(key, Request(priority: rows[key].priority, time: now, isUrgent: false))
  }
}
