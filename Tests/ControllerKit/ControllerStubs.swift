package import Controller
internal import Synchronization

/// Records the notifications that are posted.
package final class TestNotifications: NotificationSink {
  package init() {}

  private let posted = Mutex<[FleetNotification]>([])
  package func post(_ notification: FleetNotification) { posted.withLock { $0.append(notification) } }
  package var all: [FleetNotification] { posted.withLock { $0 } }
}

/// A lease that a test gives and takes.
package final class TestLease: Lease {
  package init() {}

  private let held = Mutex(true)
  package func acquire() async throws -> Bool { held.withLock { $0 } }
  package func isHeld() async -> Bool { held.withLock { $0 } }
  package func release() async {}
  package var holder: String? { get async { held.withLock { $0 } ? "this test" : "another" } }
  package func take() { held.withLock { $0 = false } }
}

/// Reports a reason to pause everything if a test sets one.
package final class TestPause: Sendable {
  package init() {}

  private let text = Mutex<String?>(nil)
  package var reason: String? {
    get { text.withLock(\.self) }
    set { text.withLock { $0 = newValue } }
  }
}
