package import LibYAML

/// Everything that a set of files says: the manifests that can be used, and what is to be known about the rest.
package struct ManifestSet: Sendable {
  /// The valid manifests, in the order of files and documents.
  package let manifests: [Manifest]
  /// All findings of all files, in the order of files and, in a file, of positions.
  package let findings: [Finding]
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
  /// Where each endpoint was named first.
  private var named: [String: SourceLocation] = [:]
  private var brokenNames: Set<String> = []
  private var isComplete = true

  package init(limits: YAMLLimits = .standard) { self.limits = limits }

  /// Reads one file. Whatever is wrong with it, the next one can be read.
  package mutating func read(_ bytes: [UInt8], file: String) {
    add(ManifestFile(parsing: bytes, file: file, limits: limits))
  }

  /// Adds what a file says, which was read just now or earlier. An endpoint that another file named is refused here.
  package mutating func add(_ file: ManifestFile) {
    let firstFinding = findings.count
    for outcome in file.outcomes { add(outcome) }
    findings[firstFinding...].sort { $0.location < $1.location }
  }

  /// Records that a file or directory could not be read at all.
  package mutating func fail(file: String, _ message: String) {
    add(ManifestFile(unreadable: file, message))
  }

  package func finish() -> ManifestSet {
    ManifestSet(
      manifests: brokenNames.isEmpty ? manifests : manifests.filter { !brokenNames.contains($0.name) },
      findings: findings, brokenNames: brokenNames, isComplete: isComplete)
  }

  private mutating func add(_ finding: Finding) {
    findings.append(finding)
    if finding.severity == .error { isComplete = false }
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
          at: location, path: "metadata.name", "the endpoint \"\(name)\" is described already at \(first)",
          suggestion: "keep one of the two"))
    } else {
      named[name] = location
    }
  }
}
