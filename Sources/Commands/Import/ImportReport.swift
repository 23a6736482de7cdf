internal import ArgumentParser

/// The result of an import: manifests go to standard output or into files, everything else to standard error.
struct ImportReport {
  private let outcomes: [ImportOutcome]
  /// Whether the endpoints were named individually, so that each one is expected.
  private let isSelected: Bool
  /// Whether the source could be read completely.
  private let isSourceWhole: Bool

  init(_ outcomes: [ImportOutcome], isSelected: Bool, isSourceWhole: Bool = true) {
    self.outcomes = outcomes
    self.isSelected = isSelected
    self.isSourceWhole = isSourceWhole
  }

  private var manifests: [ImportedManifest] {
    outcomes.compactMap { if case .manifest(let manifest) = $0 { manifest } else { nil } }
  }

  /// Writes the manifests to standard output, separated by `---`.
  ///
  /// - Throws: an exit code of 1 if any endpoint is incomplete.
  func print() throws {
    let console = CommandContext.current.console
    for (index, manifest) in manifests.enumerated() {
      if index > 0 { try console.document("---\n") }
      try console.document(manifest.text)
    }
    try conclude()
  }

  /// Writes each manifest to its own file, and the file names to standard output.
  ///
  /// - Throws: an ``ErrorReport`` if a file cannot be written; an exit code of 1 as above.
  func write(to directory: ManifestDirectory) throws {
    for file in try directory.write(manifests) { try CommandContext.current.console.result(file) }
    try conclude()
  }

  private func conclude() throws {
    let console = CommandContext.current.console
    for manifest in manifests {
      for variable in manifest.hiddenVariables {
        console.note("\(manifest.name): the value of \(variable) is not printed; store it as a secret")
      }
      if !manifest.omissions.isEmpty {
        console.note("\(manifest.name): omitted: \(manifest.omissions.joined(separator: ", "))")
      }
      if !manifest.openFields.isEmpty {
        console.note("\(manifest.name): to complete by hand: \(manifest.openFields.joined(separator: ", "))")
      }
    }
    var isWhole = isSourceWhole && manifests.allSatisfy { $0.openFields.isEmpty && $0.omissions.isEmpty }
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
      console.note("skipped because they are Databricks' own: \(reserved.joined(separator: ", "))")
      if isSelected { isWhole = false }
    }
    if outcomes.isEmpty { console.note("no endpoints") }
    if !isWhole { throw ExitCode(1) }
  }
}
