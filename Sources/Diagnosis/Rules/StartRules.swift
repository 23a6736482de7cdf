/// Replicas that do not start, or end by themselves.
enum StartRules {
  static let all = [started, crashLoop, restarts]

  /// The reason of an entity's last failure, by its code.
  private static let started = DiagnosisRule(StartRemedy.table.map(\.code) + [StartRemedy.unknown.code]) { evidence in
    evidence.entities.compactMap { entity in entity.failure.map { cause(of: $0, entity, evidence) } }
  }

  private static func cause(
    of failure: FailureEvidence, _ entity: EntityEvidence, _ evidence: Evidence
  ) -> Finding {
    let remedy = StartRemedy.of(failure.code)
    let what = failure.wasReady ? "ended while it served" : "does not start"
    let isDown = !evidence.serves
    return Finding(
      remedy.code, isDown ? .failing : .slow, weight: isDown ? 2 : 1 + Double(entity.share) / 200,
      "a replica of \(entity.label) \(what): \(failure.explanation)",
      measured: [
        failure.line.map { "the log: \($0)" }, Self.times(failure),
        isDown ? nil : "\(entity.ready) of \(Words.count(entity.wanted, "replica")) of \(entity.name) are ready",
      ], means: remedy.means, remedies: remedy.remedies.map { $0.replacing(placeholder, with: evidence.endpoint) })
  }

  private static let placeholder = "{endpoint}"

  private static func times(_ failure: FailureEvidence) -> String? {
    let ago = failure.ago.map { "\(Words.time($0)) ago" }
    guard failure.count > 1 else { return ago.map { "it failed \($0)" } }
    return "\(failure.count) failures in a row" + (ago.map { ", the last one \($0)" } ?? "")
  }

  /// Several failures in a row: starts are delayed more and more.
  private static let crashLoop = DiagnosisRule(["crash-loop"]) { evidence in
    evidence.entities.compactMap { entity -> Finding? in
      guard let failure = entity.failure, failure.count >= 3 else { return nil }
      let isDown = !evidence.serves
      return Finding(
        "crash-loop", isDown ? .failing : .slow, weight: 0.4,
        "\(entity.label) fails again and again",
        measured: [
          "\(failure.count) failures in a row",
          failure.retryIn.map { "the next start is due in \(Words.time($0))" },
        ], means: "Each failure doubles the time until the next start, up to 5 minutes.",
        remedies: [
          "remove the cause of the failures (it is listed apart), then start at once: setpoint retry "
            + evidence.endpoint
        ])
    }
  }

  /// Replicas that ended by themselves and were replaced.
  private static let restarts = DiagnosisRule("replica-restarts") { evidence in
    // A cause of its own says why an entity still has none.
    let failing = Set(evidence.entities.filter { $0.failure != nil }.map(\.name))
    let past = evidence.failures.filter { failure in
      failure.wasReady && !(failure.entity.map { failing.contains($0) } ?? false)
    }
    guard let last = past.first else { return nil }
    let remedy = StartRemedy.of(last.code)
    return Finding(
      "replica-restarts", .slow, weight: 0.5,
      "\(Words.count(past.count, "replica")) ended and had to be replaced",
      measured: [
        "in the last \(Words.time(evidence.window)): \(Words.count(past.count, "replica"))",
        "the last one: \(last.explanation)", last.line.map { "its log: \($0)" },
      ],
      means: "The requests at a replica that ends have failed, and until the next one is ready the others do its work.",
      remedies: remedy.remedies.map { $0.replacing(placeholder, with: evidence.endpoint) })
  }
}
