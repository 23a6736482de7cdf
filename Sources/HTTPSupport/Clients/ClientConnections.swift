package import HummingbirdCore
import Synchronization

/// All connections of one listener: admits and evicts them, and limits the bytes that they hold.
package final class ClientConnections: Sendable {
  private struct State {
    var idleConnections: IdleConnections
    var nextID: IdleConnections.ID = 1
    /// Closes a connection if it is still idle by then. Callable from any thread.
    var closers: [IdleConnections.ID: @Sendable () -> Void] = [:]
  }

  /// A few connections beyond the limit are accepted, so that a newcomer can be told why it is refused, or an idle one
  /// be closed.
  private static let slack = 32

  package let limits: ClientLimits
  let held: ByteBudget
  /// Whether to ask a caller for the body that it holds back (`Expect: 100-continue`).
  let mayContinue: @Sendable (_ authorization: String?, _ length: Int?) -> Bool
  private let state: Mutex<State>

  /// - Parameter mayContinue: receives the `Authorization` header and the announced length of a body that a caller
  ///   holds back until asked. False if the request is certain to be refused; the refusal is then sent instead.
  package init(
    _ limits: ClientLimits = ClientLimits(),
    mayContinue: @escaping @Sendable (_ authorization: String?, _ length: Int?) -> Bool = { _, _ in true }
  ) {
    self.limits = limits
    self.mayContinue = mayContinue
    held = ByteBudget(limit: limits.heldBytes)
    state = Mutex(State(idleConnections: IdleConnections(limit: limits.maxConnections)))
  }

  /// Stops accepting when even the slack is used up, so that the file descriptors reserved for the process stay free.
  package var acceptGate: MaximumAvailableConnections {
    MaximumAvailableConnections(limits.maxConnections + Self.slack)
  }

  /// The number of open connections.
  package var count: Int { state.withLock { $0.idleConnections.count } }

  /// Bytes of request bodies held.
  package var heldBytes: Int { held.held }

  /// Registers a new connection.
  ///
  /// - Parameter close: closes it, if it is still idle when called.
  /// - Returns: its number; nil if there is no room.
  func open(_ close: @escaping @Sendable () -> Void) -> IdleConnections.ID? {
    let (id, closer) = state.withLock { state -> (IdleConnections.ID?, (@Sendable () -> Void)?) in
      let id = state.nextID
      state.nextID += 1
      switch state.idleConnections.opened(id) {
      case .turnedAway: return (nil, nil)
      case .admitted:
        state.closers[id] = close
        return (id, nil)
      case .admittedInsteadOf(let victim):
        state.closers[id] = close
        return (id, state.closers.removeValue(forKey: victim))
      }
    }
    closer?()
    return id
  }

  func becameBusy(_ id: IdleConnections.ID) { state.withLock { $0.idleConnections.becameBusy(id) } }

  func becameIdle(_ id: IdleConnections.ID) { state.withLock { $0.idleConnections.becameIdle(id) } }

  func closed(_ id: IdleConnections.ID) {
    state.withLock { state in
      state.idleConnections.closed(id)
      state.closers[id] = nil
    }
  }
}
