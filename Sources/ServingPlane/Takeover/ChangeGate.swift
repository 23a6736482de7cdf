import Synchronization

/// Admits calls that change something, holds them during a takeover, and afterwards sends every call to the plane that
/// has taken over.
final class ChangeGate: Sendable {
  enum Outcome: Hashable, Sendable {
    case admitted
    /// Another plane answers now.
    case handedOver
  }

  private enum Phase { case open, closed, handedOver }

  private struct State {
    var phase = Phase.open
    var underWay = 0
    var held: [CheckedContinuation<Void, Never>] = []
    var successor: String?
  }

  private let state = Mutex(State())

  /// Whether another plane has taken over.
  var isHandedOver: Bool { state.withLock { $0.phase == .handedOver } }

  /// The Unix socket of the plane that has taken over; nil if none has, or if it has no socket.
  var successor: String? { state.withLock { $0.successor } }

  /// Called before each change; must be followed by ``leave()`` if the result is `admitted`.
  func enter() async -> Outcome {
    while true {
      let outcome = state.withLock { state -> Outcome? in
        switch state.phase {
        case .open:
          state.underWay += 1
          return .admitted
        case .handedOver: return .handedOver
        case .closed: return nil
        }
      }
      if let outcome { return outcome }
      await withCheckedContinuation { continuation in
        let isLate = state.withLock { state in
          if state.phase == .closed { state.held.append(continuation) }
          return state.phase != .closed
        }
        if isLate { continuation.resume() }
      }
    }
  }

  /// Admits another change that outlives the one in progress: only to be called before that one leaves, and followed by
  /// another ``leave()``.
  func enterAgain() { state.withLock { $0.underWay += 1 } }

  func leave() { state.withLock { $0.underWay -= 1 } }

  /// Holds new changes, and returns when those in progress have ended.
  ///
  /// - Throws: `refused` if that takes longer; the gate is then open again.
  func close(within limit: Duration) async throws(TakeoverChannel.Failure) {
    state.withLock { $0.phase = .closed }
    let end = ContinuousClock.now + limit
    while state.withLock({ $0.underWay > 0 }) {
      guard ContinuousClock.now < end, !Task.isCancelled else {
        open()
        throw .refused("a change is in progress, such as a model registration")
      }
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  func open() { pass(to: .open) }

  func handOver(to successor: String?) {
    state.withLock { $0.successor = successor }
    pass(to: .handedOver)
  }

  private func pass(to phase: Phase) {
    let held = state.withLock { state in
      state.phase = phase
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }
}
