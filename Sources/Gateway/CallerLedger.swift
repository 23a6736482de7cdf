/// Which connections of a listener are idle, since when, and who has to go for a new one: a machine without clock or lock.
struct CallerLedger: Sendable {
  typealias ID = UInt64

  /// What becomes of a new connection.
  enum Verdict: Hashable, Sendable {
    case welcome
    /// It is let in, and the given one is closed for it.
    case inPlaceOf(ID)
    /// As many as may be are there, and all have a request under way.
    case turnedAway
  }

  private enum Standing {
    case busy
    /// `turn` grows with each time that any connection becomes idle.
    case idle(turn: UInt64)
  }

  let limit: Int
  private var callers: [ID: Standing] = [:]
  /// Those that became idle, in that order. An entry counts only while its turn is the caller's own.
  private var idle: [(turn: UInt64, id: ID)] = []
  /// Where in ``idle`` the first entry stands that may still count.
  private var first = 0
  private var turns: UInt64 = 0

  init(limit: Int) { self.limit = limit }

  var count: Int { callers.count }

  /// How many entries are kept.
  var remembered: Int { idle.count }

  /// A connection comes; until its first request is there it is idle.
  mutating func opened(_ id: ID) -> Verdict {
    guard callers.count >= limit else {
      becameIdle(id, isNew: true)
      return .welcome
    }
    guard let victim = longestIdle() else { return .turnedAway }
    callers[victim] = nil
    becameIdle(id, isNew: true)
    return .inPlaceOf(victim)
  }

  /// A request has come in on it.
  mutating func becameBusy(_ id: ID) {
    if callers[id] != nil { callers[id] = .busy }
  }

  /// Nothing is under way on it any more.
  mutating func becameIdle(_ id: ID) { becameIdle(id, isNew: false) }

  mutating func closed(_ id: ID) { callers[id] = nil }

  private mutating func becameIdle(_ id: ID, isNew: Bool) {
    guard isNew || callers[id] != nil else { return }
    turns += 1
    callers[id] = .idle(turn: turns)
    idle.append((turns, id))
    // Each request adds an entry; what no longer counts goes before it outgrows what does.
    guard idle.count > 2 * callers.count + 64 else { return }
    idle = idle[first...].filter(counts)
    first = 0
  }

  private mutating func longestIdle() -> ID? {
    while first < idle.count {
      let entry = idle[first]
      first += 1
      if counts(entry) { return entry.id }
    }
    return nil
  }

  private func counts(_ entry: (turn: UInt64, id: ID)) -> Bool {
    if case .idle(let turn)? = callers[entry.id] { turn == entry.turn } else { false }
  }
}
