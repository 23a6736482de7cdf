import Synchronization

/// Notifies, once, that the client of a request is gone. It has one listener at a time: the current owner of the
/// request.
final class Departure: Sendable {
  private struct State {
    var hasLeft = false
    var listener: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  var hasLeft: Bool { state.withLock(\.hasLeft) }

  /// Replaces the listener; it is called at once if the client has already left.
  func whenLeft(_ listener: @escaping @Sendable () -> Void) {
    let late = state.withLock { state in
      state.listener = state.hasLeft ? nil : listener
      return state.hasLeft
    }
    if late { listener() }
  }

  /// Removes the listener: the request is over.
  func forget() { state.withLock { $0.listener = nil } }

  /// Records that the client is gone.
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
