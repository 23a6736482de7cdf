internal import Durations
package import ServingAPI

/// Waits for versions that are still being registered: large models take 20 to 30 minutes (serving-api.md Q38).
package struct RegistrationWait: Sendable {
  /// Progress of the wait.
  package enum Event: Hashable, Sendable {
    /// The version is not registered yet, with the registry's message; it is checked again after a pause.
    case waits(String)
    /// It can be served now.
    case ended
  }

  /// How long to wait for a version by default.
  package static let standardLimit: Duration = .seconds(3600)
  /// The interval between two checks.
  package static let pause: Duration = .seconds(10)

  private let limit: Duration
  private let end: Duration
  private let timing: Timing
  private let report: @Sendable (_ name: String, Event) -> Void

  /// Starts now: the limit applies to everything that is waited for, together.
  ///
  /// - Parameter report: called with the name of what is waited for, such as `main.support.qwen3@next`, and its state.
  package init(
    limit: Duration = Self.standardLimit, timing: Timing, report: @escaping @Sendable (_ name: String, Event) -> Void
  ) {
    self.limit = limit
    self.end = timing.elapsed() + limit
    self.timing = timing
    self.report = report
  }

  /// Repeats the query until the version is no longer being registered, or the time is up.
  func through<Value>(_ name: String, _ question: () async throws -> Value) async throws -> Value {
    var hasWaited = false
    while true {
      do {
        let answer = try await question()
        if hasWaited { report(name, .ended) }
        return answer
      } catch let error as ModelRegistryError where error.kind == .notYetRegistered {
        guard timing.elapsed() + Self.pause <= end else { throw error.afterWaiting(limit) }
        hasWaited = true
        report(name, .waits(error.message))
        try await timing.sleep(Self.pause)
      }
    }
  }
}

extension ModelRegistryError {
  fileprivate func afterWaiting(_ limit: Duration) -> ModelRegistryError {
    ModelRegistryError(
      kind, "\(message), after \(DurationText.text(limit)) of waiting",
      advice: "retry later, or wait longer with --timeout")
  }
}
