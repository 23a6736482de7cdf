package import Endpoints

/// Why a rollout failed.
package struct FailureCause: Hashable, Sendable {
  package let cause: CauseClass
  /// The provider's own message, introduced by its meaning if the message is a known one, and followed by any advice.
  package let message: String

  /// Determines the cause of a failed update: from the messages of the deployments that are not ready, taken from the
  /// pending config if it is still reported; else from what was seen while the rollout ran; else from the logs.
  ///
  /// An unknown cause counts as ours: the old config keeps serving either way. Retrying a config that may never come up
  /// would start new replicas indefinitely, while a hold only costs one check by a user.
  package init(of endpoint: ObservedEndpoint) {
    let findings = Finding.all(of: endpoint)
    let isTheirs = !findings.isEmpty && findings.allSatisfy { $0.known?.cause == .theirs }
    cause = isTheirs ? .theirs : .ours
    message =
      findings.isEmpty
      ? "the provider gave no reason"
      : findings.map { $0.text(isOnly: findings.count == 1) }.joined(separator: "; ")
  }

  /// One served entity that did not come up.
  private struct Finding {
    let entity: String
    /// The provider's message; empty if only a log explains the failure.
    let message: String
    let known: KnownMessage?
    /// The log line that explains the failure, if the message does not.
    let line: String?

    init?(_ entity: String, message: String, evidence: RolloutEvidence.Entity?) {
      let said = KnownMessage.found(in: message)
      let log = said == nil ? evidence.flatMap(Self.telling) : nil
      guard !message.isEmpty || log != nil else { return nil }
      self.entity = entity
      self.message = message
      known = said ?? log?.known
      line = log?.line
    }

    /// The first line that is a known failure: the lines after it are mostly its consequences.
    private static func telling(_ evidence: RolloutEvidence.Entity) -> (line: String, known: KnownMessage)? {
      for line in evidence.serverLog + evidence.buildLog {
        if let known = KnownMessage.found(in: line), known.cause == .ours { return (line, known) }
      }
      return nil
    }

    static func all(of endpoint: ObservedEndpoint) -> [Finding] {
      let deployments = (endpoint.pending ?? endpoint.active)?.deployments ?? [:]
      let evidence = endpoint.evidence?.entities ?? [:]
      let shown = deployments.filter { $0.value.state != "DEPLOYMENT_READY" }.mapValues(\.message)
      let messages = shown.merging(evidence.mapValues(\.message)) { shown, seen in shown.isEmpty ? seen : shown }
      return messages.sorted { $0.key < $1.key }.compactMap {
        Finding($0.key, message: $0.value, evidence: evidence[$0.key])
      }
    }

    func text(isOnly: Bool) -> String {
      let said = [message, line.map { "its log: \($0)" } ?? ""].map(\.clause).filter { !$0.isEmpty }
        .joined(separator: "; ")
      let named = isOnly ? said : "\(entity): \(said)"
      guard let known else { return named }
      let advice = known.advice.map { " (\($0))" } ?? ""
      return known.introducing(named) + advice
    }
  }
}
