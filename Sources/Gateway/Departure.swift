import Synchronization

/// Tells, once, that the client of a request is gone. It has one listener at a time: whoever has the request in hand.
final class Departure: Sendable {
  private struct State {
    var hasLeft = false
    var listener: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  var hasLeft: Bool { state.withLock(\.hasLeft) }

  /// Replaces the listener; it is called at once when the client has already left.
  func whenLeft(_ listener: @escaping @Sendable () -> Void) {
    let late = state.withLock { state in
      state.listener = state.hasLeft ? nil : listener
      return state.hasLeft
    }
    if late { listener() }
  }

  /// The request is over; nobody needs to hear of the client any more.
  func forget() { state.withLock { $0.listener = nil } }

  /// The client is gone.
  func leave() {
    let listener = state.withLock { state -> (@Sendable () -> Void)? in
      guard !state.hasLeft else { return nil }
      state.hasLeft = true
      defer { state.listener = nil }
      return state.listener
    }
    listener?()
  }
}
