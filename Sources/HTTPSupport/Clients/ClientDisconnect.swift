import Synchronization

/// Notifies, once, that the client of a request is gone. It has one listener at a time: the current owner of the
/// request.
package final class ClientDisconnect: Sendable {
  private struct State {
    var hasDisconnected = false
    var listener: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  package init() {}

  var hasDisconnected: Bool { state.withLock(\.hasDisconnected) }

  /// Replaces the listener; it is called at once if the client has already left.
  package func onDisconnect(_ listener: @escaping @Sendable () -> Void) {
    let late = state.withLock { state in
      state.listener = state.hasDisconnected ? nil : listener
      return state.hasDisconnected
    }
    if late { listener() }
  }

  /// Removes the listener: the request is over.
  package func forget() { state.withLock { $0.listener = nil } }

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
