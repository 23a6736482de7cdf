import Scheduling

/// A change in the life of a replica.
struct ReplicaEvent: Hashable, Sendable {
  /// In milliseconds since 1970.
  let at: Int64
  let replica: String
  /// The phase that began: one of a start, `ready`, `failed` or `stopped`.
  let phase: String
  /// What happened, as a short sentence without a full stop.
  let message: String
}

// The phases of a replica's life. Events are derived from what is recorded of it, so they survive the plane.
extension ReplicaRecord {
  static let ready = "ready"
  static let failed = "failed"
  static let stopped = "stopped"

  /// Notes that a phase of the start was seen for the first time.
  ///
  /// - Parameter now: in milliseconds since 1970.
  mutating func note(_ phase: StartPhase, at now: Int64) {
    phases = (phases ?? [:]).merging([phase.rawValue: now]) { known, _ in known }
  }

  /// The furthest phase of the start that was seen.
  var startPhase: StartPhase { StartPhase.allCases.last { phases?[$0.rawValue] != nil } ?? .starting }

  /// The phases of the start; nil if an earlier version of the plane started it.
  var start: StartTimes? {
    if wasReady, startedIn == nil { return nil }
    let began = (phases ?? [:]).reduce(into: [StartPhase: Int64]()) { began, entry in
      if let phase = StartPhase(rawValue: entry.key) { began[phase] = entry.value }
    }
    return StartTimes(created: created, began: began, end: readyAt ?? ended)
  }

  /// When it was ready, in milliseconds since 1970; nil if unknown.
  private var readyAt: Int64? { startedIn.map { created &+ $0 } }

  /// The phase that it is in, and when that began, in milliseconds since 1970; nil if unknown.
  ///
  /// - Parameter state: its state in its endpoint's machine; nil if that does not know it any more.
  func phase(_ state: ReplicaState?) -> (name: String, since: Int64?) {
    if let ended { return (failure == nil ? Self.stopped : Self.failed, ended) }
    guard let state else { return ("draining", nil) }
    switch state {
    case .pending, .starting, .loading, .warming:
      return ((start?.current?.phase ?? .starting).rawValue, start?.current?.since)
    case .ready: return (Self.ready, readyAt)
    case .draining: return ("draining", nil)
    case .stopping, .stopped, .failed: return ("stopping", nil)
    }
  }

  /// The events of its life, in order.
  var events: [ReplicaEvent] {
    var events = (start?.entries ?? []).map { entry -> ReplicaEvent in
      let words =
        switch entry.phase {
        case .starting: "of \(launch.model)/\(launch.version) is starting"
        case .loading: "is loading weights"
        case .warming: "is warming up"
        }
      return event(entry.since, entry.phase.rawValue, words)
    }
    if let readyAt, let start {
      events.append(event(readyAt, Self.ready, "is ready after \(start.totalText): \(start.text)"))
    }
    if let ended { events.append(event(ended, phase(nil).name, ending)) }
    return events
  }

  private var ending: String {
    guard let failure else { return "stopped" + (stopReason.map { ": \($0)" } ?? "") }
    guard !wasReady, let start else { return "failed: \(failure.explanation)" }
    return "failed after \(start.totalText) (\(start.text)): \(failure.explanation)"
  }

  private func event(_ time: Int64, _ phase: String, _ words: String) -> ReplicaEvent {
    ReplicaEvent(at: time, replica: id, phase: phase, message: "replica \(id) \(words)")
  }
}
