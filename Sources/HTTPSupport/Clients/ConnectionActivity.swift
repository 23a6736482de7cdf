import NIOCore
import Synchronization

/// The activity of one connection, which its listener's ``ClientConnections`` reads from any thread.
final class ConnectionActivity: Sendable {
  /// Which connections to close.
  enum Closing: Hashable, Sendable {
    /// If it is still idle by then.
    case ifIdle
    /// If it has been idle for at least this long.
    case ifIdleFor(TimeAmount)
    case always
  }

  private static let busy: UInt64 = .max
  private let time: Atomic<UInt64>
  /// Asks the connection to close; it does so soon.
  let close: @Sendable (Closing) -> Void

  init(idleSince: NIODeadline, close: @escaping @Sendable (Closing) -> Void) {
    time = Atomic(idleSince.uptimeNanoseconds)
    self.close = close
  }

  /// Since when no request is in progress; nil while one is.
  var idleSince: NIODeadline? {
    let time = time.load(ordering: .relaxed)
    return time == Self.busy ? nil : .uptimeNanoseconds(time)
  }

  func becameBusy() { time.store(Self.busy, ordering: .relaxed) }

  func becameIdle(at now: NIODeadline) { time.store(now.uptimeNanoseconds, ordering: .relaxed) }
}
