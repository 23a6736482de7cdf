extension ManifestSet {
  /// Returns the set with the rules' findings about its manifests. A refused manifest is not used, as if it were
  /// invalid.
  package func validated(by validate: (Manifest) -> [Finding]) -> ManifestSet {
    var refused: Set<String> = []
    var found: [Finding] = []
    for manifest in manifests {
      let findings = validate(manifest)
      if findings.contains(where: { $0.severity == .error }) { refused.insert(manifest.name) }
      found += findings
    }
    guard !found.isEmpty else { return self }
    let room = max(0, FindingBounds.inSet - findings.count)
    if found.count > room, let last = found.dropFirst(room).first {
      let severity: Finding.Severity = refused.isEmpty ? .warning : .error
      found[room...] = [Finding(severity, at: last.location, FindingBounds.rest(found.count - room))]
    }
    let omitted = max(0, found.count - room)
    return ManifestSet(
      manifests: refused.isEmpty ? manifests : manifests.filter { !refused.contains($0.name) },
      findings: findings + found, omittedFindings: omittedFindings + omitted, brokenNames: brokenNames.union(refused),
      isComplete: isComplete && refused.isEmpty)
  }
}
