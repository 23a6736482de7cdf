/// A replica: the launch that it runs, and its state.
///
/// A launch is everything that its server depends on (model version, environment, hardware, engine flags), as one
/// opaque text: two configs with the same launch share its replicas, and a change of traffic alone restarts nothing.
package struct Replica: Hashable, Sendable, Identifiable {
  package let id: String
  package let launch: String
  package var state: ReplicaState
  /// The number of the machine's places that it holds until it has ended: its accelerators, or a slot.
  package let places: Int

  package init(id: String, launch: String, state: ReplicaState, places: Int = 1) {
    self.id = id
    self.launch = launch
    self.state = state
    self.places = max(0, places)
  }
}

/// The state of a replica.
package enum ReplicaState: Hashable, Sendable {
  /// Planned, but not launched yet. Goes to starting or failed.
  case pending
  /// It was started but does not answer. Goes to loading, warming, ready or failed.
  case starting
  /// It is loading its weights. Goes to warming, ready or failed.
  case loading
  /// It has loaded its weights, or answers, but has not generated a token. Goes to ready or failed.
  case warming
  /// It has generated a token. Goes to draining or failed.
  case ready
  /// It finishes its requests and gets no new ones. Goes to stopped.
  case draining
  /// Told to stop; its place on the machine is not free yet. Goes to stopped.
  case stopping
  /// Stopped on request. A final state.
  case stopped
  /// Exited by itself, or never came up. A final state.
  case failed(cause: String)

  /// Whether it is on the way to ready.
  package var isComing: Bool {
    switch self {
    case .pending, .starting, .loading, .warming: true
    case .ready, .draining, .stopping, .stopped, .failed: false
    }
  }

  /// Whether it is ending, but still holds its places.
  package var isLeaving: Bool { self == .draining || self == .stopping }

  /// Whether it has ended, one way or another.
  package var isOver: Bool {
    switch self {
    case .stopped, .failed: true
    case .pending, .starting, .loading, .warming, .ready, .draining, .stopping: false
    }
  }
}
