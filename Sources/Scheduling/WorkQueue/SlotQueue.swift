/// The rules of ``WorkQueue``, applied to slot numbers instead of keys.
struct SlotQueue: Sendable {
  /// A run that begins.
  struct Run {
    let slot: Int
    let priority: WorkPriority
    let waited: Duration
    let failures: Int
  }

  /// The request of one add, or of several merged ones.
  private struct Request {
    var priority: WorkPriority
    var time: Duration
    /// Whether it ignores back-off.
    var isUrgent: Bool
  }

  private enum State {
    /// Not queued; at most its failures are kept. An add makes it delayed or ready.
    case idle
    /// In the heap until its time, when it becomes ready. An add may bring it forward.
    case delayed(WorkPriority, until: Duration)
    /// In the list of its priority until it is taken and runs.
    case ready(WorkPriority, since: Duration)
    /// In the list of running slots, with the adds in the meantime. When it ends, it becomes idle, delayed or ready.
    case running(WorkPriority, since: Duration, added: [Request])
  }

  private struct Slot {
    var state = State.idle
    var failures = 0
    /// The end of the back-off.
    var backoffEnd = Duration.zero
    /// The earliest time that a server allows, also for urgent work.
    var earliest = Duration.zero
  }

  private static let runningList = WorkPriority.allCases.count
  private let backoff: Backoff
  private var clock = Duration.zero
  private var slots: [Slot] = []
  private var delayed = DelayHeap()
  /// A list for each priority, by raw value, and the list of running slots, in the order in which they began.
  private var lists = SlotLists(count: SlotQueue.runningList + 1)
  private(set) var failing = 0
  private(set) var adds = 0
  private(set) var retries = 0

  init(backoff: Backoff) { self.backoff = backoff }

  mutating func makeRoom(for slot: Int) {
    guard slots.count <= slot else { return }
    while slots.count <= slot { slots.append(Slot()) }
    delayed.makeRoom(for: slot)
    lists.makeRoom(for: slot)
  }

  // MARK: Events

  mutating func add(_ slot: Int, priority: WorkPriority, after: Duration, now: Duration) {
    advance(to: now)
    let isUrgent = priority >= .edit && after <= .zero
    enqueue(slot, Request(priority: priority, time: clock + max(after, .zero), isUrgent: isUrgent))
  }

  mutating func take(now: Duration) -> Run? {
    advance(to: now)
    for priority in (0..<Self.runningList).reversed() {
      guard let slot = lists.first(of: priority), case .ready(let priority, let since) = slots[slot].state else {
        continue
      }
      lists.remove(slot)
      lists.append(slot, to: Self.runningList)
      slots[slot].state = .running(priority, since: clock, added: [])
      return Run(slot: slot, priority: priority, waited: clock - since, failures: slots[slot].failures)
    }
    return nil
  }

  mutating func finish(_ slot: Int, _ outcome: WorkOutcome, now: Duration, chance: Double) {
    advance(to: now)
    guard case .running(let priority, _, let added) = slots[slot].state else { return }
    lists.remove(slot)
    slots[slot].state = .idle
    if let request = judge(slot, outcome, ranAt: priority, chance: chance) { enqueue(slot, request) }
    for request in added { enqueue(slot, request) }
  }

  /// Makes the slots ready whose time has come.
  mutating func advance(to now: Duration) {
    clock = max(clock, now)
    while let (slot, time) = delayed.first, time <= clock {
      delayed.remove(slot)
      guard case .delayed(let priority, _) = slots[slot].state else { continue }
      place(slot, priority, time)
    }
  }

  // MARK: State

  var nextReady: Duration? {
    for priority in (0..<Self.runningList).reversed() {
      if let slot = lists.first(of: priority), case .ready(_, let since) = slots[slot].state { return since }
    }
    return delayed.first?.time
  }

  var depth: Int { WorkPriority.allCases.reduce(0) { $0 + depth(of: $1) } }

  func depth(of priority: WorkPriority) -> Int { lists.count(of: priority.rawValue) }

  var waiting: Int { delayed.count }

  var running: Int { lists.count(of: Self.runningList) }

  func failures(of slot: Int) -> Int { slots[slot].failures }

  func readyTime(of slot: Int) -> Duration? {
    switch slots[slot].state {
    case .idle, .running: nil
    case .delayed(_, let time), .ready(_, let time): time
    }
  }

  func unfinished(now: Duration) -> (longest: Duration, total: Duration) {
    var longest = Duration.zero
    var total = Duration.zero
    for slot in lists.slots(in: Self.runningList) {
      guard case .running(_, let since, _) = slots[slot].state else { continue }
      longest = max(longest, now - since)
      total += max(now - since, .zero)
    }
    return (longest, total)
  }

  /// Whether the slot has no state.
  func isUnused(_ slot: Int) -> Bool {
    guard case .idle = slots[slot].state else { return false }
    return slots[slot].failures == 0
  }

  // MARK: The rules

  /// Records the outcome of a run, and returns when the slot is to run again.
  private mutating func judge(
    _ slot: Int, _ outcome: WorkOutcome, ranAt priority: WorkPriority, chance: Double
  ) -> Request? {
    switch outcome {
    case .done:
      forgetFailures(slot)
      return nil
    case .again(let after, let priority):
      forgetFailures(slot)
      return Request(priority: priority, time: clock + max(after, .zero), isUrgent: false)
    case .failed: return retry(slot, priority, asked: .zero, chance: chance)
    case .failedFor(let wait): return retry(slot, priority, asked: max(wait, .zero), chance: chance)
    case .terminal:
      slots[slot].backoffEnd = .zero
      slots[slot].earliest = .zero
      return nil
    }
  }

  private mutating func retry(
    _ slot: Int, _ priority: WorkPriority, asked wait: Duration, chance: Double
  ) -> Request {
    if slots[slot].failures == 0 { failing += 1 }
    slots[slot].failures += 1
    retries += 1
    slots[slot].backoffEnd =
      clock
      + (backoff.pause(asked: wait, chance: chance)
        ?? backoff.delay(afterFailures: slots[slot].failures, chance: chance))
    slots[slot].earliest = clock + wait
    return Request(priority: priority, time: clock, isUrgent: false)
  }

  private mutating func forgetFailures(_ slot: Int) {
    if slots[slot].failures > 0 { failing -= 1 }
    slots[slot].failures = 0
    slots[slot].backoffEnd = .zero
    slots[slot].earliest = .zero
  }

  private mutating func enqueue(_ slot: Int, _ request: Request) {
    let time = permitted(slot, request)
    switch slots[slot].state {
    case .idle:
      adds += 1
      place(slot, request.priority, time)
    case .delayed(let priority, let old):
      guard request.priority > priority || time < old else { return }
      delayed.remove(slot)
      place(slot, max(priority, request.priority), min(old, time))
    case .ready(let priority, let since):
      // If added while it ran, it may have been wanted before it was ready.
      slots[slot].state = .ready(priority, since: min(since, time))
      guard request.priority > priority else { return }
      lists.remove(slot)
      place(slot, request.priority, min(since, time))
    case .running(let priority, let since, let added):
      slots[slot].state = .running(priority, since: since, added: Self.merge(request, into: added))
    }
  }

  /// Returns the time of a request with back-off applied.
  private func permitted(_ slot: Int, _ request: Request) -> Duration {
    let held = request.isUrgent ? slots[slot].earliest : max(slots[slot].earliest, slots[slot].backoffEnd)
    return max(request.time, held)
  }

  /// Merges a request. At most two are kept: only the run's end shows whether back-off delays one and not the other.
  private static func merge(_ request: Request, into added: [Request]) -> [Request] {
    var requests = added
    guard let same = requests.firstIndex(where: { $0.isUrgent == request.isUrgent }) else {
      return requests + [request]
    }
    requests[same].priority = max(requests[same].priority, request.priority)
    requests[same].time = min(requests[same].time, request.time)
    return requests
  }

  /// Puts a slot, which is neither in a list nor in the heap, where it belongs.
  private mutating func place(_ slot: Int, _ priority: WorkPriority, _ time: Duration) {
    if time > clock {
      slots[slot].state = .delayed(priority, until: time)
      delayed.put(slot, at: time)
    } else {
      slots[slot].state = .ready(priority, since: time)
      lists.append(slot, to: priority.rawValue)
    }
  }
}
