package import HummingbirdCore
import Synchronization

/// All connections of one listener: who may come in, who has to go, and how many bytes they hold.
package final class CallerConnections: Sendable {
  private struct State {
    var ledger: CallerLedger
    var nextID: CallerLedger.ID = 1
    /// Closes a connection, if it is still idle then. From any thread.
    var closers: [CallerLedger.ID: @Sendable () -> Void] = [:]
  }

  /// Beyond the bound a few more are accepted, so that a newcomer can be told why it is turned away, or an idle one closed.
  private static let slack = 32

  package let limits: CallerLimits
  let held: ByteBudget
  /// Whether a caller is asked for the body that it holds back (`Expect: 100-continue`).
  let mayContinue: @Sendable (_ authorization: String?, _ length: Int?) -> Bool
  private let state: Mutex<State>

  /// - Parameter mayContinue: told the `Authorization` header and the announced length of a body that a caller holds back
  ///   until it is asked for it. False where the answer is certain to be a refusal, which is then sent instead.
  package init(
    _ limits: CallerLimits = CallerLimits(),
    mayContinue: @escaping @Sendable (_ authorization: String?, _ length: Int?) -> Bool = { _, _ in true }
  ) {
    self.limits = limits
    self.mayContinue = mayContinue
    held = ByteBudget(limit: limits.heldBytes)
    state = Mutex(State(ledger: CallerLedger(limit: limits.maxConnections)))
  }

  /// Stops accepting where even the slack is used up, so that the descriptors kept for the process itself stay free.
  package var acceptGate: MaximumAvailableConnections {
    MaximumAvailableConnections(limits.maxConnections + Self.slack)
  }

  /// How many are open.
  package var count: Int { state.withLock { $0.ledger.count } }

  /// Bytes of bodies that are held.
  package var heldBytes: Int { held.held }

  /// A connection comes.
  ///
  /// - Parameter close: closes it, if it is still idle when it is called.
  /// - Returns: its number; nil where there is no room.
  func open(_ close: @escaping @Sendable () -> Void) -> CallerLedger.ID? {
    let (id, closer) = state.withLock { state -> (CallerLedger.ID?, (@Sendable () -> Void)?) in
      let id = state.nextID
      state.nextID += 1
      switch state.ledger.opened(id) {
      case .turnedAway: return (nil, nil)
      case .welcome:
        state.closers[id] = close
        return (id, nil)
      case .inPlaceOf(let victim):
        state.closers[id] = close
        return (id, state.closers.removeValue(forKey: victim))
      }
    }
    closer?()
    return id
  }

  func becameBusy(_ id: CallerLedger.ID) { state.withLock { $0.ledger.becameBusy(id) } }

  func becameIdle(_ id: CallerLedger.ID) { state.withLock { $0.ledger.becameIdle(id) } }

  func closed(_ id: CallerLedger.ID) {
    state.withLock { state in
      state.ledger.closed(id)
      state.closers[id] = nil
    }
  }
}
