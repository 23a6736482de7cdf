import LibYAML

/// Files that contain no manifests, reported in one line if there are many.
struct ForeignFiles {
  enum Kind: Hashable, Sendable, CaseIterable {
    /// A file for another use. It may have been a manifest before, so the set is incomplete.
    case stranger
    /// A file by which kustomize recognizes a directory; never a manifest.
    case kustomization
  }

  /// The first few, each of which is a separate finding if there are no more.
  private var findings: [Kind: [Finding]] = [:]
  private var counts: [Kind: Int] = [:]

  mutating func add(_ finding: Finding, _ kind: Kind) {
    counts[kind, default: 0] += 1
    if areFew(kind) { findings[kind, default: []].append(finding) }
  }

  func areFew(_ kind: Kind) -> Bool { counts[kind, default: 0] <= FindingBounds.similarFiles }

  /// Replaces the findings of many files by one line.
  func summarized(in all: [Finding]) -> [Finding] {
    Kind.allCases.reduce(all) { all, kind in
      guard !areFew(kind), let findings = findings[kind], let first = findings.first else { return all }
      let count = counts[kind, default: 0]
      let files = findings.map(\.location.file).joined(separator: ", ") + " and \(count - findings.count) more"
      let summary = Finding(
        first.severity, at: first.location,
        kind == .stranger
          ? "\(count) files contain no \(ManifestSchema.kind): \(files)"
          : "\(count) kustomization files are skipped: \(files)", suggestion: first.suggestion)
      let place = all.firstIndex(of: first) ?? all.endIndex
      return all[..<place] + [summary] + all[place...].filter { !findings.contains($0) }
    }
  }

  /// What to do about a foreign file.
  static let advice =
    "move other objects elsewhere, or exclude them with --exclude GLOB or a .setpointignore file"
}
