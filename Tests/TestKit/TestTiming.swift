package import ServingAPI
internal import Synchronization

/// Time that stands still until somebody waits, and then jumps to the end of the wait. Records every pause.
package final class TestTiming: Sendable {
  private let state = Mutex<(elapsed: Duration, pauses: [Duration])>((.zero, []))
  private let startSecondsSince1970: Int64
  private let jitter: Double

  package init(startSecondsSince1970: Int64 = 1_767_225_600, jitter: Double = 0) {
    self.startSecondsSince1970 = startSecondsSince1970
    self.jitter = jitter
  }

  /// The pauses so far.
  package var pauses: [Duration] { state.withLock { $0.pauses } }

  package var elapsed: Duration { state.withLock { $0.elapsed } }

  /// Milliseconds since 1970.
  var milliseconds: Int64 { startSecondsSince1970 * 1000 + elapsed.milliseconds }

  /// Lets time pass.
  package func advance(by duration: Duration) { state.withLock { $0.elapsed += duration } }

  package var timing: Timing {
    Timing(
      elapsed: { self.elapsed },
      secondsSince1970: { self.startSecondsSince1970 + self.elapsed.components.seconds },
      sleep: { duration in
        try Task.checkCancellation()
        self.state.withLock {
          $0.elapsed += duration
          $0.pauses.append(duration)
        }
      },
      jitter: { self.jitter })
  }
}
