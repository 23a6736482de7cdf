/// Tracks which connections of a listener are idle, since when, and which to close for a new one: a state machine
/// without a clock or lock.
struct IdleConnections: Sendable {
  typealias ID = UInt64

  /// The outcome for a new connection.
  enum Verdict: Hashable, Sendable {
    case admitted
    /// It is admitted, and the given one is closed for it.
    case admittedInsteadOf(ID)
    /// The limit is reached, and all connections have a request in progress.
    case turnedAway
  }

  private enum Activity {
    case busy
    /// `turn` grows each time any connection becomes idle.
    case idle(turn: UInt64)
  }

  let limit: Int
  private var connections: [ID: Activity] = [:]
  /// Connections in the order in which they became idle. An entry counts only while its turn is the caller's own.
  private var idle: [(turn: UInt64, id: ID)] = []
  /// The index in ``idle`` of the first entry that may still count.
  private var first = 0
  private var turns: UInt64 = 0

  init(limit: Int) { self.limit = limit }

  var count: Int { connections.count }

  /// The number of entries kept.
  var remembered: Int { idle.count }

  /// Records a new connection; it is idle until its first request.
  mutating func opened(_ id: ID) -> Verdict {
    guard connections.count >= limit else {
      becameIdle(id, isNew: true)
      return .admitted
    }
    guard let victim = longestIdle() else { return .turnedAway }
    connections[victim] = nil
    becameIdle(id, isNew: true)
    return .admittedInsteadOf(victim)
  }

  /// Records that a request arrived on it.
  mutating func becameBusy(_ id: ID) {
    if connections[id] != nil { connections[id] = .busy }
  }

  /// Records that nothing is in progress on it any more.
  mutating func becameIdle(_ id: ID) { becameIdle(id, isNew: false) }

  mutating func closed(_ id: ID) { connections[id] = nil }

  private mutating func becameIdle(_ id: ID, isNew: Bool) {
    guard isNew || connections[id] != nil else { return }
    turns += 1
    connections[id] = .idle(turn: turns)
    idle.append((turns, id))
    // Each request adds an entry; stale entries are removed before they outnumber the live ones.
    guard idle.count > 2 * connections.count + 64 else { return }
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
    if case .idle(let turn)? = connections[entry.id] { turn == entry.turn } else { false }
  }
}
