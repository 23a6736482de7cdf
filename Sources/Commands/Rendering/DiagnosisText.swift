internal import CanonicalJSON
internal import Diagnosis

/// A diagnosis as `explain` shows it.
struct DiagnosisText {
  let evidence: Evidence
  /// The worst first.
  let causes: [Cause]

  init(_ evidence: Evidence) {
    self.evidence = evidence
    causes = Diagnosis.causes(of: evidence)
  }

  private var headline: String { Diagnosis.headline(of: evidence, causes) }

  func lines(_ palette: Palette) -> [String] {
    let isHealthy = causes.allSatisfy { $0.severity == .note }
    var lines = [palette.paint(headline, causes.first.map { Self.style($0.severity) } ?? .good)]
    if isHealthy { lines += Diagnosis.figures(of: evidence).map { "  \($0)" } }
    for (index, cause) in causes.enumerated() {
      lines.append("")
      lines += Self.lines(cause, number: index + 1, palette)
    }
    if !evidence.unknown.isEmpty {
      lines += ["", palette.paint("not checked:", .muted)] + evidence.unknown.map { "  \($0)" }
    }
    return lines
  }

  private static func lines(_ cause: Cause, number: Int, _ palette: Palette) -> [String] {
    var lines = [
      "\(number). \(cause.summary) " + palette.paint("[\(cause.code), \(cause.severity.word)]", style(cause.severity))
    ]
    for (label, texts) in [("measured", cause.evidence), ("means", [cause.meaning]), ("do", cause.remedies)] {
      for (index, text) in texts.enumerated() where !text.isEmpty {
        let head = index == 0 ? "\(label):" : ""
        lines.append("   " + palette.paint(head + String(repeating: " ", count: 10 - head.count), .muted) + text)
      }
    }
    return lines
  }

  private static func style(_ severity: Cause.Severity) -> TextStyle {
    switch severity {
    case .failing: .failed
    case .slow: .warning
    case .note: .good
    }
  }

  var json: JSONValue {
    func texts(_ words: [String]) -> JSONValue { .array(words.map(JSONValue.string)) }
    return [
      "kind": "Diagnosis", "endpoint": .string(evidence.endpoint), "headline": .string(headline),
      "healthy": .bool(causes.allSatisfy { $0.severity == .note }),
      "causes": .array(
        causes.map { cause -> JSONValue in
          [
            "code": .string(cause.code), "severity": .string(cause.severity.word), "summary": .string(cause.summary),
            "measured": texts(cause.evidence), "means": .string(cause.meaning), "do": texts(cause.remedies),
          ]
        }), "figures": texts(Diagnosis.figures(of: evidence)), "unknown": texts(evidence.unknown),
    ]
  }
}

extension Cause.Severity {
  /// For people and for programs.
  fileprivate var word: String {
    switch self {
    case .failing: "failing"
    case .slow: "slow"
    case .note: "note"
    }
  }
}
