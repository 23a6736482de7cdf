package import HummingbirdCore
import NIOCore
import Synchronization

/// All connections of one listener: admits, evicts and closes them, and limits the bytes that they hold.
package final class ClientConnections: Sendable {
  private struct State {
    /// By the identity of their activities; true if they count towards the limit. The others are being closed.
    var connections: [ObjectIdentifier: (activity: ConnectionActivity, isAdmitted: Bool)] = [:]
    var admitted = 0
  }

  /// How many connections beyond the limit are accepted, so that a new one can be refused with a response, or an idle
  /// one be closed for it.
  private static let slack = 32

  package let limits: ClientLimits
  let held: ByteBudget
  /// Whether to ask a caller for the body that it holds back (`Expect: 100-continue`).
  let mayContinue: @Sendable (_ authorization: String?, _ length: Int?) -> Bool
  private let state = Mutex(State())
  private let inProgress = Atomic<Int>(0)
  private let leaving = Atomic<Bool>(false)

  /// - Parameter mayContinue: receives the `Authorization` header and the announced length of a body that a caller
  ///   holds back until asked. False if the request is certain to be refused; the refusal is then sent instead.
  package init(
    _ limits: ClientLimits = ClientLimits(),
    mayContinue: @escaping @Sendable (_ authorization: String?, _ length: Int?) -> Bool = { _, _ in true }
  ) {
    self.limits = limits
    self.mayContinue = mayContinue
    held = ByteBudget(limit: limits.requestMemory)
  }

  /// Stops accepting when even the slack is used up, so that the file descriptors reserved for the process stay free.
  package var acceptGate: MaximumAvailableConnections {
    MaximumAvailableConnections(limits.maxConnections + Self.slack)
  }

  /// Bytes of request bodies held.
  package var heldBytes: Int { held.held }

  // MARK: Connections

  /// The number of open connections.
  package var count: Int { state.withLock { $0.connections.count } }

  /// The number of connections that count towards the limit.
  package var admitted: Int { state.withLock { $0.admitted } }

  /// Registers a new connection. At the limit, the one that has been idle longest is closed for it.
  ///
  /// - Returns: whether it is admitted; false if every connection has a request in progress.
  func open(_ new: ConnectionActivity) -> Bool {
    let (isAdmitted, victim) = state.withLock { state -> (Bool, ConnectionActivity?) in
      var victim: ConnectionActivity?
      if state.admitted >= limits.maxConnections {
        victim = Self.longestIdle(state.connections.values.lazy.filter { $0.isAdmitted }.map { $0.activity })
        if let victim { state.connections[ObjectIdentifier(victim)]?.isAdmitted = false }
        state.admitted -= victim == nil ? 0 : 1
      }
      let isAdmitted = state.admitted < limits.maxConnections
      state.admitted += isAdmitted ? 1 : 0
      state.connections[ObjectIdentifier(new)] = (new, isAdmitted)
      return (isAdmitted, victim)
    }
    victim?.close(.ifIdle)
    return isAdmitted
  }

  /// Called only at the limit: keeping an order would cost every request more than this costs a new connection.
  private static func longestIdle(_ connections: some Sequence<ConnectionActivity>) -> ConnectionActivity? {
    var longest: (activity: ConnectionActivity, since: NIODeadline)?
    for activity in connections {
      guard let since = activity.idleSince, longest.map({ since < $0.since }) ?? true else { continue }
      longest = (activity, since)
    }
    return longest?.activity
  }

  func closed(_ activity: ConnectionActivity) {
    state.withLock { state in
      guard let entry = state.connections.removeValue(forKey: ObjectIdentifier(activity)) else { return }
      state.admitted -= entry.isAdmitted ? 1 : 0
    }
  }

  /// Closes all connections that meet the condition.
  func close(_ closing: ConnectionActivity.Closing) {
    let activities = state.withLock { $0.connections.values.map { $0.activity } }
    for activity in activities { activity.close(closing) }
  }

  // MARK: Requests

  /// The number of requests in progress: head received, response not completely written.
  var requests: Int { inProgress.load(ordering: .relaxed) }

  func requestsBegan(_ count: Int) { inProgress.wrappingAdd(count, ordering: .relaxed) }

  func requestsEnded(_ count: Int) { inProgress.wrappingSubtract(count, ordering: .relaxed) }

  /// Whether each connection closes after its current request. A connection closed without notice might be closed just
  /// before a request arrives, which few clients retry.
  var isLeaving: Bool { leaving.load(ordering: .relaxed) }

  func leave() { leaving.store(true, ordering: .relaxed) }
}
