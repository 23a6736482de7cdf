package import LibYAML

/// The content of a set of files: the manifests that can be used, and the findings about the rest.
package struct ManifestSet: Sendable {
  /// The valid manifests, in the order of files and documents.
  package let manifests: [Manifest]
  /// The findings of all files, in the order of files and of positions in a file; limited (``FindingBounds``).
  package let findings: [Finding]
  /// The number of findings that are not listed; the last listed one says so.
  package let omittedFindings: Int
  /// The endpoints named by invalid manifests: they are wanted, but their desired state is unknown.
  package let brokenNames: Set<String>
  /// Whether every document was understood. If not, an endpoint that seems to be missing may be in the rest, and
  /// nothing may be pruned.
  package let isComplete: Bool

  /// Reads files that are already in memory.
  /// - Parameter files: each with its name for positions.
  package static func read(
    _ files: some Sequence<(file: String, bytes: [UInt8])>, limits: YAMLLimits = .standard
  ) -> ManifestSet {
    var reader = ManifestReader(limits: limits)
    for (file, bytes) in files { reader.read(bytes, file: file) }
    return reader.finish()
  }
}

/// Reads manifests file by file, so that only one file's bytes and one document's tree are in memory at a time.
package struct ManifestReader {
  private let limits: YAMLLimits
  private var manifests: [Manifest] = []
  private var findings: [Finding] = []
  private var findingBytes = 0
  private var omitted = 0
  private var foreign = ForeignFiles()
  /// The location where each endpoint was first named.
  private var named: [String: SourceLocation] = [:]
  private var brokenNames: Set<String> = []
  private var isComplete = true

  package init(limits: YAMLLimits = .standard) { self.limits = limits }

  /// Reads one file. Whatever its problems, the next one can be read.
  ///
  /// - Parameter isNamed: whether the file was named explicitly, and not found in a directory.
  package mutating func read(_ bytes: [UInt8], file: String, isNamed: Bool = true) {
    add(ManifestFile(parsing: bytes, file: file, isNamed: isNamed, limits: limits))
  }

  /// Adds the content of a file that was read now or earlier. An endpoint that another file named is refused here.
  package mutating func add(_ file: ManifestFile) {
    let firstFinding = findings.count
    omitted += file.omitted
    // An outcome without a manifest means an error, listed or not.
    if file.omitted > 0, file.outcomes.contains(where: { $0.manifest == nil }) { isComplete = false }
    for outcome in file.outcomes {
      guard outcome.isForeign, let finding = outcome.findings.first else {
        add(outcome)
        continue
      }
      if finding.severity == .error { isComplete = false }
      foreign.add(finding, file.foreignKind)
      // If there are more than a few, they are summarized at the end.
      if foreign.areFew(file.foreignKind) { add(finding) }
    }
    findings[firstFinding...].sort { $0.location < $1.location }
  }

  /// Records that a file or directory could not be read at all.
  package mutating func fail(file: String, _ message: String) {
    add(ManifestFile(unreadable: file, message))
  }

  package func finish() -> ManifestSet {
    var findings = foreign.summarized(in: findings)
    if omitted > 0 {
      let place = findings.last?.location ?? SourceLocation(file: "", line: 1, column: 1)
      findings.append(
        Finding(isComplete ? .warning : .error, at: place, FindingBounds.rest(omitted)))
    }
    return ManifestSet(
      manifests: brokenNames.isEmpty ? manifests : manifests.filter { !brokenNames.contains($0.name) },
      findings: findings, omittedFindings: omitted, brokenNames: brokenNames, isComplete: isComplete)
  }

  private mutating func add(_ finding: Finding) {
    if finding.severity == .error { isComplete = false }
    guard findings.count < FindingBounds.inSet, findingBytes + finding.bytes <= FindingBounds.bytesInSet else {
      omitted += 1
      return
    }
    findingBytes += finding.bytes
    findings.append(finding)
  }

  private mutating func add(_ outcome: ManifestDecoder.Outcome) {
    for finding in outcome.findings { add(finding) }
    guard let name = outcome.name, let location = outcome.nameLocation else { return }
    if let manifest = outcome.manifest {
      manifests.append(manifest)
    } else {
      brokenNames.insert(name)
    }
    if let first = named[name] {
      brokenNames.insert(name)
      add(
        Finding(
          at: location, path: "metadata.name", "the endpoint \"\(name)\" is already defined at \(first)",
          suggestion: "keep one of them"))
    } else {
      named[name] = location
    }
  }
}
