package import NIOCore
import Synchronization

/// The reasons that an endpoint's replicas ended, for the requests that ended with them: the connection breaks a moment
/// before the exit status is known.
package final class ReplicaExitReasons: Sendable {
  private struct Waiter {
    let replica: String
    let deliver: @Sendable (String?) -> Void
  }

  private struct State {
    var causes: [(replica: String, cause: String)] = []
    var waiters: [UInt64: Waiter] = [:]
    var nextKey: UInt64 = 0
  }

  /// Replicas that ended long ago are never queried.
  private static let longestMemory = 16

  private let state = Mutex(State())
  private let eventLoop: any EventLoop

  /// - Parameter eventLoop: provides the time.
  package init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Records that the replica ended by itself.
  ///
  /// - Parameter cause: in plain words and without secrets: callers read it.
  package func note(_ replica: String, cause: String) {
    let waiters = state.withLock { state in
      state.causes.append((replica, cause))
      if state.causes.count > Self.longestMemory { state.causes.removeFirst() }
      let keys = state.waiters.filter { $0.value.replica == replica }.map(\.key)
      return keys.compactMap { state.waiters.removeValue(forKey: $0) }
    }
    for waiter in waiters { waiter.deliver(cause) }
  }

  /// Looks up the reason the replica ended.
  ///
  /// - Parameter deliver: receives it, once, on any thread; nil if it is not known in time, for example because the
  ///   replica has not ended.
  func cause(of replica: String, within limit: Duration, deliver: @escaping @Sendable (String?) -> Void) {
    let (known, key) = state.withLock { state -> (String?, UInt64) in
      let known = state.causes.last { $0.replica == replica }?.cause
      if known == nil {
        state.nextKey += 1
        state.waiters[state.nextKey] = Waiter(replica: replica, deliver: deliver)
      }
      return (known, state.nextKey)
    }
    if let known { return deliver(known) }
    eventLoop.scheduleTask(in: .nanoseconds(limit.nanoseconds)) { [self] in giveUp(key) }
  }

  private func giveUp(_ key: UInt64) {
    state.withLock { $0.waiters.removeValue(forKey: key) }?.deliver(nil)
  }
}
