internal import Synchronization

/// Wakes every stream there is; one that comes later is woken for a notice that nobody heard.
final class Notices: Sendable {
  private struct State {
    var next = 0
    var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
    var isUnheard = false
  }

  private let state = Mutex(State())

  func post() {
    let listeners = state.withLock { state in
      state.isUnheard = state.listeners.isEmpty
      return Array(state.listeners.values)
    }
    for listener in listeners { listener.yield() }
  }

  func stream() -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let (number, isUnheard) = state.withLock { state in
        defer { state.isUnheard = false }
        state.next += 1
        state.listeners[state.next] = continuation
        return (state.next, state.isUnheard)
      }
      continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
      if isUnheard { continuation.yield() }
    }
  }
}
