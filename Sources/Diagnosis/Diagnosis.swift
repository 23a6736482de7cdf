/// Finds out why an endpoint is not ready or not fast. Pure: everything is decided from the evidence.
package enum Diagnosis {
  /// What keeps the endpoint from being ready or fast: failures first, and the ones that affect more before those that
  /// affect less. Empty if nothing is wrong.
  package static func causes(of evidence: Evidence) -> [Cause] {
    let found = rules.flatMap { rule in rule.find(evidence) }
    // What only says that something is wrong is left out where the cause is known.
    let hasCause = found.contains { $0.cause.severity == .failing && !$0.isFallback }
    let kept = found.filter { !$0.isFallback || !hasCause }
    return kept.enumerated().sorted { one, other in
      let (a, b) = (one.element, other.element)
      if a.cause.severity != b.cause.severity { return a.cause.severity < b.cause.severity }
      if a.weight != b.weight { return a.weight > b.weight }
      return one.offset < other.offset
    }.map(\.element.cause)
  }

  /// The names of all causes, for docs and tests.
  package static var codes: [String] { rules.flatMap(\.codes) }

  static let rules: [DiagnosisRule] =
    StartRules.all + CapacityRules.all + LatencyRules.all + CallerRules.all + StateRules.all
}

/// A row of the table of causes.
struct DiagnosisRule: Sendable {
  /// The names of the causes that it finds.
  let codes: [String]
  let find: @Sendable (Evidence) -> [Finding]

  init(_ codes: [String], find: @escaping @Sendable (Evidence) -> [Finding]) {
    self.codes = codes
    self.find = find
  }

  /// A rule that finds its cause at most once.
  init(_ code: String, find: @escaping @Sendable (Evidence) -> Finding?) {
    codes = [code]
    self.find = { evidence in find(evidence).map { [$0] } ?? [] }
  }
}

/// A cause, and how much of the endpoint it affects.
struct Finding: Sendable {
  let cause: Cause
  /// The fraction of the requests or of their time that it affects; more than 1 for what explains other causes.
  let weight: Double
  /// Whether it is left out if a failing cause is known.
  var isFallback = false

  init(
    _ code: String, _ severity: Cause.Severity, weight: Double, _ summary: String, measured: [String?], means: String,
    remedies: [String], isFallback: Bool = false
  ) {
    cause = Cause(
      code: code, severity: severity, summary: summary, evidence: measured.compactMap { $0 }, meaning: means,
      remedies: remedies)
    self.weight = weight
    self.isFallback = isFallback
  }
}
