/// What a replica is: which launch it runs, and how far it has come.
///
/// A launch is everything that its process depends on (model version, environment, hardware, engine flags), as one opaque
/// text: two configs that name the same launch share its replicas, and a change of traffic alone restarts nothing.
package struct Replica: Hashable, Sendable, Identifiable {
  package let id: String
  package let launch: String
  package var state: ReplicaState
  /// The places of the machine that it holds until it is over: its accelerators.
  package let places: Int

  package init(id: String, launch: String, state: ReplicaState, places: Int = 1) {
    self.id = id
    self.launch = launch
    self.state = state
    self.places = max(0, places)
  }
}

/// The life of a replica.
package enum ReplicaState: Hashable, Sendable {
  /// Decided, not launched yet. Goes to starting or failed.
  case pending
  /// Its process runs and answers nothing. Goes to loading, ready or failed.
  case starting
  /// It loads its weights. Goes to ready or failed.
  case loading
  /// It has generated a token. Goes to draining or failed.
  case ready
  /// It finishes the requests that it has and gets no new ones. Goes to stopped.
  case draining
  /// Asked to end; its place on the machine is not free yet. Goes to stopped.
  case stopping
  /// Ended on request. Goes nowhere.
  case stopped
  /// Ended by itself, or never came up. Goes nowhere.
  case failed(cause: String)

  /// On the way to ready.
  package var isComing: Bool {
    switch self {
    case .pending, .starting, .loading: true
    case .ready, .draining, .stopping, .stopped, .failed: false
    }
  }

  /// On the way out, but still in the way.
  package var isLeaving: Bool { self == .draining || self == .stopping }

  /// Ended, one way or another.
  package var isOver: Bool {
    switch self {
    case .stopped, .failed: true
    case .pending, .starting, .loading, .ready, .draining, .stopping: false
    }
  }
}
