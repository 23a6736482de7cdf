internal import Durations
package import Endpoints
package import Planning
package import ServingAPI

extension Reconciler {
  /// Runs the checks against each served entity directly, bypassing the traffic split.
  ///
  /// Each entity is warmed up first with one untimed query, since the first answer of a fresh model says nothing about
  /// the following ones. A check that cannot be measured (no route yet, throttled, unavailable, no answer in time) is
  /// inconclusive: it neither promotes nor rolls back.
  func verify(_ request: VerificationRequest) async throws -> Verdict {
    for entity in request.entities {
      guard let first = request.checks.first else { break }
      if case .inconclusive(let why) = try await ask(first, entity, request.endpoint, isWarmUp: true) {
        return .inconclusive(why)
      }
      for check in request.checks {
        let verdict = try await ask(check, entity, request.endpoint, isWarmUp: false)
        guard verdict == .passed else { return verdict }
      }
    }
    return .passed
  }

  private func ask(
    _ check: VerificationCheck, _ entity: String, _ endpoint: String, isWarmUp: Bool
  ) async throws -> Verdict {
    let within = Duration.seconds(check.withinSeconds)
    do {
      // More than twice the time: a late answer is a finding, a missing one is not.
      let patience = isWarmUp ? Self.warmUp : within * 2 + .seconds(10)
      let answer = try await provider.ask(endpoint, entity: entity, prompt: check.prompt, timeout: patience)
      return isWarmUp ? Self.warmUpVerdict(answer, entity) : check.verdict(on: answer, from: entity)
    } catch let error as ServingError {
      return .inconclusive("\(entity) could not be queried: \(error.serverMessage)")
    }
  }

  /// How long the first answer of a fresh model may take.
  private static let warmUp: Duration = .seconds(120)

  private static func warmUpVerdict(_ answer: ChatAnswer, _ entity: String) -> Verdict {
    VerificationCheck.isUnmeasurable(answer)
      ? .inconclusive("\(entity) returned \(answer.status): \(answer.text)") : .passed
  }
}

extension VerificationCheck {
  /// Whether the answer says nothing about the model: no route yet, throttled, not available, gateway timeout. Other
  /// failures of the server may be the model's own.
  fileprivate static func isUnmeasurable(_ answer: ChatAnswer) -> Bool {
    switch answer.failure {
    case .notFound, .throttled, .unavailable, .timeout: true
    default: false
    }
  }

  /// Returns the verdict on an answer. Pure.
  package func verdict(on answer: ChatAnswer, from entity: String) -> Verdict {
    guard answer.status == expectedStatus else {
      let words =
        "\(entity) responded to \"\(prompt)\" with status \(answer.status), not \(expectedStatus): \(answer.text)"
      return Self.isUnmeasurable(answer) ? .inconclusive(words) : .failed(words)
    }
    guard contains.isEmpty || answer.text.contains(contains) else {
      return .failed("\(entity) answered \"\(prompt)\" with \"\(answer.text)\", which does not contain \"\(contains)\"")
    }
    guard answer.elapsed <= .seconds(withinSeconds) else {
      let (elapsed, limit) = (DurationText.text(answer.elapsed), DurationText.text(.seconds(withinSeconds)))
      return .failed("\(entity) took \(elapsed) for \"\(prompt)\", more than \(limit)")
    }
    return .passed
  }
}
