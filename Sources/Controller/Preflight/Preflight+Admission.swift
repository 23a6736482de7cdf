package import Endpoints
package import Planning

extension Preflight {
  /// Progress of an endpoint's preflight checks.
  package enum Event: Sendable {
    case found(PreflightFinding)
    /// Something is being waited for; repeated while it lasts.
    case waiting(String)
  }

  /// Checks an endpoint before it is reconciled, and waits for a version that is still being registered.
  ///
  /// - Returns: the ending of this endpoint's reconciliation if nothing may be sent; nil: it may start.
  package func admission(
    _ item: PlanItem, _ decision: Decision, limits: ConvergenceLimits, now: @Sendable () -> Timestamp,
    sleep: @Sendable (Duration) async throws -> Void, report: @Sendable (Event) -> Void
  ) async -> ConvergenceResult.Ending? {
    do {
      let end = limits.end(of: item.desired, from: now())
      var found = try await findings(item, decision)
      for finding in found { report(.found(finding)) }
      while true {
        let refusals = found.filter { $0.outcome == .refused }
        if !refusals.isEmpty { return .failed(Self.nothingSent + Self.messages(refusals)) }
        let waits = found.filter { $0.outcome == .waiting }
        if waits.isEmpty { return nil }
        guard limits.waits else { return .failed(Self.nothingSent + Self.messages(waits)) }
        guard now() + Self.pause <= end else {
          return .underWay(Reason(.blocked, Self.nothingSent + Self.messages(waits)), timeIsOver: true)
        }
        report(.waiting(waits.map(\.message).joined(separator: "; ")))
        try await sleep(Self.pause)
        found = try await self.waits(item, decision)
      }
    } catch {
      return .interrupted
    }
  }

  /// The interval between checks. Registering a large model takes 20 to 30 minutes (serving-api.md Q38).
  private static let pause: Duration = .seconds(10)

  /// Returns why a controller must not send a config, for now; nil: it may. A failed query is not a reason. Pure.
  package static func refusal(_ findings: [PreflightFinding]) -> String? {
    let blocking = findings.filter { $0.outcome == .refused || $0.outcome == .waiting }
    return blocking.isEmpty ? nil : messages(blocking)
  }

  private static let nothingSent = "nothing was sent: "

  private static func messages(_ findings: [PreflightFinding]) -> String {
    findings.map(\.message).joined(separator: "; ")
  }
}
