/// The number of replicas of one launch, if it follows the load.
package struct ReplicaScale: Hashable, Sendable {
  /// A time in which the load needs fewer replicas than there are.
  package struct Lull: Hashable, Sendable {
    package let since: Duration
    /// The most replicas that the load has needed since then.
    package let needed: Int

    package init(since: Duration, needed: Int) {
      self.since = since
      self.needed = needed
    }
  }

  /// The number of replicas that should run.
  package let count: Int
  /// Nil while the load needs all of them.
  package let lull: Lull?

  package init(count: Int, lull: Lull? = nil) {
    self.count = count
    self.lull = lull
  }
}

/// Decides how many replicas of a launch run: a pure function of its load and of the number so far.
///
/// The load needs as many replicas as take all requests that wait or are in flight. If it needs more, they start at
/// once. If it needs fewer, the surplus ends after ``scaleDownAfter`` of less load, except for the most replicas that
/// were needed in that time. Replicas beyond the lower bound end at once if another endpoint needs their places for its
/// first one; they start again where there is room.
package struct ScalePolicy: Hashable, Sendable {
  /// The facts on which a decision is based.
  package struct Situation: Hashable, Sendable {
    /// The requests that wait for a replica of the launch or are in flight at one.
    package var requests: Int
    /// How many requests a replica takes at once.
    package var capacity: Int
    /// The number of replicas that serve or are about to.
    package var standing: Int
    /// How many replicas beyond the lower bound must end for another endpoint.
    package var sheds: Int

    package init(requests: Int, capacity: Int, standing: Int, sheds: Int = 0) {
      self.requests = requests
      self.capacity = capacity
      self.standing = standing
      self.sheds = sheds
    }

    /// The number of replicas that take all requests.
    fileprivate var needed: Int {
      let each = max(1, capacity)
      return max(0, requests) / each + (max(0, requests) % each == 0 ? 0 : 1)
    }
  }

  /// How long the load must have needed fewer replicas before some end.
  package var scaleDownAfter: Duration

  package init(scaleDownAfter: Duration = .seconds(300)) { self.scaleDownAfter = scaleDownAfter }

  /// Returns the number of replicas from now on.
  /// - Parameters:
  ///   - scale: the number so far; nil if none was decided yet. The existing replicas then count as needed, so that a
  ///     restart ends none of them.
  ///   - bounds: the least and the most replicas.
  package func update(
    _ scale: ReplicaScale?, within bounds: ClosedRange<Int>, in situation: Situation, now: Duration
  ) -> ReplicaScale {
    func clamped(_ count: Int) -> Int { min(max(count, bounds.lowerBound), bounds.upperBound) }
    let needed = clamped(situation.needed)
    let count = clamped(scale?.count ?? max(needed, situation.standing))
    if situation.sheds > 0 { return ReplicaScale(count: clamped(min(count, situation.standing) - situation.sheds)) }
    guard needed < count else { return ReplicaScale(count: needed) }
    let since = scale?.lull?.since ?? now
    let most = clamped(max(scale?.lull?.needed ?? needed, needed))
    guard now - since >= scaleDownAfter else {
      return ReplicaScale(count: count, lull: ReplicaScale.Lull(since: since, needed: most))
    }
    return ReplicaScale(count: most, lull: needed < most ? ReplicaScale.Lull(since: now, needed: needed) : nil)
  }
}
