/// Why a launch of the active config has fewer replicas than the config requests. One that is awake has no such state.
enum SleepState: String, Hashable, Codable, Sendable {
  /// It has no replicas until a request needs one. → waking
  case asleep
  /// Its first replica is starting; the others follow once that one is ready. → awake; asleep, if it fails, or if it
  /// has no room and is no longer needed
  case waking
}

/// What the gateway knows of an endpoint's requests.
struct RequestLoad: Hashable, Sendable {
  /// How long no request has waited or been in flight; nil while one does.
  var idleFor: Duration?
  /// The served entities that requests need and of which no replica takes requests.
  var awaited: Set<String> = []
  /// The requests that wait for each served entity or are at its replicas.
  var requests: [String: Int] = [:]
  /// The requests at each replica, by its ID.
  var inFlight: [String: Int] = [:]
  /// How many requests a replica takes at once, for each launch whose number of replicas follows the load.
  var capacities: [String: Int] = [:]
}

/// Decides which launches of an endpoint are scaled to zero, and when they are woken. A value that keeps only times.
///
/// All launches that scale to zero are put to sleep together, once the whole endpoint has been idle, or if another
/// endpoint needs their places. Each is woken by a request that waits for it. A launch whose share of the traffic goes
/// to other replicas meanwhile is woken by any request, so that the split of the traffic is soon correct again.
struct SleepPolicy: Sendable {
  /// The facts on which a decision is based.
  struct Situation {
    /// The config that answers requests.
    let config: PlaneConfig
    /// How long the endpoint must be idle.
    let idleAfter: Duration
    /// Whether another config is being deployed. Nothing is put to sleep then.
    let isUpdating: Bool
    /// Whether another endpoint needs the places of the launches that scale to zero.
    let givesUp: Bool
    let load: RequestLoad
    /// The launches with a replica that is ready.
    let ready: Set<String>
    /// The launches with a replica that is ready or will be.
    let standing: Set<String>
    /// The launches that wait for a place on the machine.
    let withoutRoom: Set<String>
    /// The end of the back-off of each launch that failed.
    let retryAt: [String: Duration]
    let now: Duration
  }

  /// When a config was activated, or a launch was woken, for the last time. Idle time counts from then at the earliest.
  private(set) var awakeSince: Duration?
  /// When a launch was woken for the last time; nil if a config was activated since.
  private(set) var wokenAt: Duration?
  private var asleepSince: [String: Duration] = [:]

  /// Notes that a config was activated, or that the plane found it active when it started.
  mutating func begin(now: Duration) {
    awakeSince = now
    wokenAt = nil
  }

  /// Returns the new states of the launches, by launch.
  mutating func update(_ states: [String: SleepState], in situation: Situation) -> [String: SleepState] {
    if awakeSince == nil { begin(now: situation.now) }
    var new: [String: SleepState] = [:]
    for launch in situation.config.launchesScalingToZero {
      let state = next(states[launch], of: launch, situation)
      new[launch] = state
      // After a restart of the plane, only what happens from now on counts.
      asleepSince[launch] = state == .asleep ? asleepSince[launch] ?? situation.now : nil
    }
    return new
  }

  private mutating func next(_ state: SleepState?, of launch: String, _ situation: Situation) -> SleepState? {
    switch state {
    case .asleep?: return mustWake(launch, situation) ? .waking : .asleep
    case nil: return isIdle(situation) || mustGiveUp(situation) ? .asleep : nil
    case .waking?:
      guard situation.ready.contains(launch) else {
        return hasFailed(launch, situation) || isUnneeded(launch, situation) ? .asleep : .waking
      }
      begin(now: situation.now)
      wokenAt = situation.now
      return nil
    }
  }

  private func isIdle(_ situation: Situation) -> Bool {
    guard !situation.isUpdating, situation.load.awaited.isEmpty, let idleFor = situation.load.idleFor else {
      return false
    }
    return min(idleFor, situation.now - (awakeSince ?? situation.now)) >= situation.idleAfter
  }

  private func mustGiveUp(_ situation: Situation) -> Bool { situation.givesUp && !situation.isUpdating }

  private func mustWake(_ launch: String, _ situation: Situation) -> Bool {
    if let retryAt = situation.retryAt[launch], retryAt > situation.now { return false }
    if isAwaited(launch, situation) { return true }
    guard isReplaced(launch, situation), let since = asleepSince[launch] else { return false }
    return situation.load.idleFor.map { $0 < situation.now - since } ?? true
  }

  private func isAwaited(_ launch: String, _ situation: Situation) -> Bool {
    situation.config.entities.contains { $0.launch.key == launch && situation.load.awaited.contains($0.name) }
  }

  /// Whether a launch's share of the traffic goes to others meanwhile, so that nobody waits for it.
  private func isReplaced(_ launch: String, _ situation: Situation) -> Bool {
    let sharing = situation.config.entities.filter { $0.traffic > 0 }
    return sharing.contains { $0.launch.key == launch }
      && sharing.contains { situation.ready.contains($0.launch.key) }
  }

  /// Whether a launch that waits for a place is no longer needed: it would later take a place that no request needs.
  private func isUnneeded(_ launch: String, _ situation: Situation) -> Bool {
    guard situation.withoutRoom.contains(launch), !situation.standing.contains(launch), !situation.isUpdating else {
      return false
    }
    return !isAwaited(launch, situation) && (!isReplaced(launch, situation) || isIdle(situation))
  }

  private func hasFailed(_ launch: String, _ situation: Situation) -> Bool {
    guard let retryAt = situation.retryAt[launch], !situation.standing.contains(launch) else { return false }
    return retryAt > situation.now
  }
}
