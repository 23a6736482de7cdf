package import LibYAML

/// Everything that a set of files says: the manifests that can be used, and what is to be known about the rest.
package struct ManifestSet: Sendable {
  /// The valid manifests, in the order of files and documents.
  package let manifests: [Manifest]
  /// The findings of all files, in the order of files and, in a file, of positions; bounded (``FindingBounds``).
  package let findings: [Finding]
  /// How many findings are not listed; the last of those that are says so.
  package let omittedFindings: Int
  /// Endpoints that are named by a manifest which cannot be used: they are wanted, but it is unknown how.
  package let brokenNames: Set<String>
  /// Whether every document was understood. If not, an endpoint that seems to be missing may stand in what was not, and
  /// nothing may be pruned.
  package let isComplete: Bool

  /// Reads files that are in memory already.
  /// - Parameter files: each with the name to put into positions.
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
  /// Where each endpoint was named first.
  private var named: [String: SourceLocation] = [:]
  private var brokenNames: Set<String> = []
  private var isComplete = true

  package init(limits: YAMLLimits = .standard) { self.limits = limits }

  /// Reads one file. Whatever is wrong with it, the next one can be read.
  ///
  /// - Parameter isNamed: whether it was asked for by its own name, and not met in a directory.
  package mutating func read(_ bytes: [UInt8], file: String, isNamed: Bool = true) {
    add(ManifestFile(parsing: bytes, file: file, isNamed: isNamed, limits: limits))
  }

  /// Adds what a file says, which was read just now or earlier. An endpoint that another file named is refused here.
  package mutating func add(_ file: ManifestFile) {
    let firstFinding = findings.count
    omitted += file.omitted
    // An outcome without manifest stands for an error, listed or not.
    if file.omitted > 0, file.outcomes.contains(where: { $0.manifest == nil }) { isComplete = false }
    for outcome in file.outcomes {
      guard outcome.isForeign, let finding = outcome.findings.first else {
        add(outcome)
        continue
      }
      if finding.severity == .error { isComplete = false }
      foreign.add(finding, file.foreignKind)
      // Beyond a few they are told at once, at the end.
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
