internal import ArgumentParser

/// What an import came to: the manifests go to standard output or into files, the rest is said on standard error.
struct ImportReport {
  private let outcomes: [ImportOutcome]
  /// Whether the endpoints were named one by one, so that each is expected.
  private let isSelected: Bool
  /// Whether the source itself could be read whole.
  private let isSourceWhole: Bool

  init(_ outcomes: [ImportOutcome], isSelected: Bool, isSourceWhole: Bool = true) {
    self.outcomes = outcomes
    self.isSelected = isSelected
    self.isSourceWhole = isSourceWhole
  }

  private var manifests: [ImportedManifest] {
    outcomes.compactMap { if case .manifest(let manifest) = $0 { manifest } else { nil } }
  }

  /// Writes the manifests to standard output, parted by `---`.
  ///
  /// - Throws: an exit code of 1 where not every endpoint could be said whole.
  func print() throws {
    let console = Surroundings.current.console
    for (index, manifest) in manifests.enumerated() {
      if index > 0 { try console.document("---\n") }
      try console.document(manifest.text)
    }
    try conclude()
  }

  /// Writes each manifest into a file of its own, and the files' names to standard output.
  ///
  /// - Throws: an ``ErrorReport`` when a file cannot be written, an exit code of 1 as above.
  func write(to directory: ManifestDirectory) throws {
    for file in try directory.write(manifests) { try Surroundings.current.console.result(file) }
    try conclude()
  }

  private func conclude() throws {
    let console = Surroundings.current.console
    for manifest in manifests {
      for variable in manifest.hiddenVariables {
        console.note("\(manifest.name): the value of \(variable) is not printed; store it as a secret")
      }
      if !manifest.leftOut.isEmpty {
        console.note("\(manifest.name): omitted: \(manifest.leftOut.joined(separator: ", "))")
      }
      if !manifest.openFields.isEmpty {
        console.note("\(manifest.name): to complete by hand: \(manifest.openFields.joined(separator: ", "))")
      }
    }
    var isWhole = isSourceWhole && manifests.allSatisfy { $0.openFields.isEmpty && $0.leftOut.isEmpty }
    var reserved: [String] = []
    for outcome in outcomes {
      switch outcome {
      case .manifest: continue
      case .skipped(let name, let why):
        console.note("\(console.notesPalette.paint("skipped:", .failed)) \(name): \(why)")
        isWhole = false
      case .reserved(let name): reserved.append(name)
      }
    }
    if !reserved.isEmpty {
      console.note("omitted because they are Databricks' own: \(reserved.joined(separator: ", "))")
      if isSelected { isWhole = false }
    }
    if outcomes.isEmpty { console.note("no endpoints") }
    if !isWhole { throw ExitCode(1) }
  }
}
