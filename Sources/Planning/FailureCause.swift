package import Endpoints

/// Why a rollout failed.
package struct FailureCause: Hashable, Sendable {
  package let cause: CauseClass
  /// In plain words where the provider's are known, always the provider's own, and advice where there is any.
  package let words: String

  /// Reads the cause off a failed update: the messages of the deployments that are not ready, of the pending config where
  /// it is still reported; else what was seen of them while the rollout ran; where no message tells, the logs.
  ///
  /// What nothing is known of counts as ours: the old config serves on either way, and to send again what may never
  /// come up would start new replicas without end, while a hold costs one look of a person.
  package init(of endpoint: ObservedEndpoint) {
    let findings = Finding.all(of: endpoint)
    let isTheirs = !findings.isEmpty && findings.allSatisfy { $0.known?.cause == .theirs }
    cause = isTheirs ? .theirs : .ours
    words =
      findings.isEmpty
      ? "the provider gave no reason"
      : findings.map { $0.words(isOnly: findings.count == 1) }.joined(separator: "; ")
  }

  /// One served entity that did not come up.
  private struct Finding {
    let entity: String
    /// The provider's words; empty where only a log tells.
    let message: String
    let known: KnownMessage?
    /// The line of a log that says what it was, where the message does not.
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

    /// The first line that is a known failure: what comes after it is mostly its consequence.
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

    func words(isOnly: Bool) -> String {
      let said = [message, line.map { "its log: \($0)" } ?? ""].map(\.clause).filter { !$0.isEmpty }
        .joined(separator: "; ")
      let named = isOnly ? said : "\(entity): \(said)"
      guard let known else { return named }
      let advice = known.advice.map { " (\($0))" } ?? ""
      return known.introducing(named) + advice
    }
  }
}
