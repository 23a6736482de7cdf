/// Something that keeps an endpoint from being ready or fast.
package struct Cause: Hashable, Sendable {
  /// How much it matters, worst first.
  package enum Severity: Int, Hashable, Sendable, Comparable {
    /// Requests fail, or nothing is served.
    case failing
    /// Requests are slower than they need to be, or soon will fail.
    case slow
    /// Worth knowing; nothing is wrong.
    case note

    package static func < (one: Severity, other: Severity) -> Bool { one.rawValue < other.rawValue }
  }

  /// A stable name, such as `context-too-long`.
  package var code: String
  /// How much it matters. Causes of the same severity are ordered by how much they explain.
  package var severity: Severity
  /// What is the matter, in one sentence.
  package var summary: String
  /// What was measured, with its numbers: one sentence each.
  package var evidence: [String]
  /// What it means for those who use the endpoint.
  package var meaning: String
  /// What to do, in order.
  package var remedies: [String]

  package init(
    code: String, severity: Severity, summary: String, evidence: [String], meaning: String, remedies: [String]
  ) {
    self.code = code
    self.severity = severity
    self.summary = summary
    self.evidence = evidence
    self.meaning = meaning
    self.remedies = remedies
  }
}
