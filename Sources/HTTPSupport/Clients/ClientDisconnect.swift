import Synchronization

/// Notifies, once, that the client of a request is gone.
final class ClientDisconnect: Sendable {
  private struct State {
    var hasDisconnected = false
    var listener: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// Replaces the listener; it is called at once if the client has already left.
  func onDisconnect(_ listener: @escaping @Sendable () -> Void) {
    let late = state.withLock { state in
      state.listener = state.hasDisconnected ? nil : listener
      return state.hasDisconnected
    }
    if late { listener() }
  }

  /// Records that the client is gone.
  func leave() {
    let listener = state.withLock { state -> (@Sendable () -> Void)? in
      guard !state.hasDisconnected else { return nil }
      state.hasDisconnected = true
      defer { state.listener = nil }
      return state.listener
    }
    listener?()
  }
}
