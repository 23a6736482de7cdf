internal import LibYAML

/// The workspace rules in force: the defaults, with the user's overrides.
package struct RuleBook: Hashable, Sendable {
  private var severities: [WorkspaceRule: WorkspaceRule.Severity] = [:]
  private var limits: [WorkspaceRule: Int] = [:]

  /// Every rule with its default.
  package static let standard = RuleBook()

  private init() {}

  /// - Parameter overrides: each `NAME=off|warn|refuse`, or `NAME=NUMBER` for a rule with a number; later ones win.
  /// - Throws: ``RuleFault`` for an invalid override.
  package init(overrides: some Sequence<String>) throws(RuleFault) {
    for text in overrides { try override(text) }
  }

  /// Splits the overrides of an environment variable, which are separated by commas or whitespace.
  package static func overrides(in text: String) -> [String] {
    text.split { $0 == "," || $0.isWhitespace }.map { String($0) }
  }

  private mutating func override(_ text: String) throws(RuleFault) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw RuleFault("\(shown(text)) is not a valid override; write NAME=off, NAME=warn or NAME=refuse")
    }
    let (name, value) = (String(parts[0]), String(parts[1]))
    guard let rule = WorkspaceRule(rawValue: name) else {
      let names = WorkspaceRule.allCases.map(\.rawValue)
      let near = Similarity.closest(to: name, among: names)
      throw RuleFault(
        "rule \(shown(name)) not found; "
          + (near.map { "did you mean \"\($0)\"?" } ?? "known rules: " + names.joined(separator: ", ")))
    }
    if let severity = WorkspaceRule.Severity(rawValue: value) {
      severities[rule] = severity
    } else if rule.limit != nil, let limit = Int(value), limit > 0 {
      limits[rule] = limit
    } else {
      throw RuleFault(
        "\(shown(value)) is not a valid value for \(name); write off, warn or refuse"
          + (rule.limit.map { ", or a number instead of \($0)" } ?? ""))
    }
  }

  package func severity(of rule: WorkspaceRule) -> WorkspaceRule.Severity { severities[rule] ?? rule.severity }

  /// Returns the number in force; 0 for a rule without one.
  package func limit(of rule: WorkspaceRule) -> Int { limits[rule] ?? rule.limit ?? 0 }

  /// Returns a rule's finding at a location in a manifest; nil if the rule is off.
  func finding(
    _ rule: WorkspaceRule, at location: SourceLocation, path: String, _ message: String, suggestion: String? = nil
  ) -> Finding? {
    let severity = severity(of: rule)
    guard severity != .off else { return nil }
    return Finding(
      severity == .refuse ? .error : .warning, at: location, path: path, message,
      suggestion: [suggestion, way(past: rule)].compactMap(\.self).joined(separator: " "))
  }

  /// Returns how to override the rule, which ends each of its messages.
  package func way(past rule: WorkspaceRule) -> String {
    let effect = severity(of: rule) == .refuse ? "warn turns this into a warning" : "off turns this off"
    return "(rule \(rule.rawValue); --rule \(rule.rawValue)=\(effect))"
  }
}

/// Why a text is not a valid override.
package struct RuleFault: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
