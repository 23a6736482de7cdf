internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// Findings in a compiler's format: clickable, one per line, all at once.
enum FindingsText {
  static func lines(_ findings: [Finding], _ palette: Palette) -> [String] {
    findings.map { finding in
      let severity = palette.paint(finding.severity.rawValue, finding.severity == .error ? .failed : .warning)
      let path = finding.path.isEmpty ? "" : "\(finding.path): "
      let suggestion = finding.suggestion.map { "; \($0)" } ?? ""
      return "\(palette.paint("\(finding.location)", .strong)): \(severity): \(path)\(finding.message)\(suggestion)"
    }
  }

  static func json(_ set: ManifestSet) -> JSONValue {
    [
      "kind": "ValidationResult", "valid": .bool(set.isComplete),
      "endpoints": .array(set.manifests.map { .string($0.name) }),
      "findings": .array(set.findings.map(json)),
    ]
  }

  private static func json(_ finding: Finding) -> JSONValue {
    var members: [String: JSONValue] = [
      "severity": .string(finding.severity.rawValue), "file": .string(finding.location.file),
      "message": .string(finding.message),
    ]
    if !finding.location.isWholeFile {
      members["line"] = .int(Int64(finding.location.line))
      members["column"] = .int(Int64(finding.location.column))
    }
    if !finding.path.isEmpty { members["path"] = .string(finding.path) }
    if let suggestion = finding.suggestion { members["suggestion"] = .string(suggestion) }
    return .object(members)
  }

  static func summary(_ set: ManifestSet) -> String {
    // The last listed finding counts the others.
    let listed = set.omittedFindings > 0 ? set.findings.dropLast() : set.findings[...]
    let errors = listed.count { $0.severity == .error }
    let warnings = listed.count - errors
    let usable = "\(set.manifests.count) valid \(set.manifests.count == 1 ? "endpoint" : "endpoints")"
    let found =
      [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }
      .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
      + (set.omittedFindings > 0 ? ["\(set.omittedFindings) more"] : [])
    return ([usable] + found).joined(separator: ", ")
  }
}
