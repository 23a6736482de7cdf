package import LibYAML

/// The content of one file, independent of other files: the expensive part of reading, which can be cached as long as
/// the file does not change. Its findings are limited (``FindingBounds``).
package struct ManifestFile: Sendable {
  /// The outcomes of the documents, in the order of the file. Of foreign documents only the first is included.
  private(set) var outcomes: [ManifestDecoder.Outcome] = []
  /// The number of findings beyond the limit.
  private(set) var omitted = 0
  /// The kind of the foreign documents.
  let foreignKind: ForeignFiles.Kind
  private var foreignDocuments = 0

  /// - Parameters:
  ///   - file: the file name for positions.
  ///   - isNamed: whether the file was named explicitly, and not found in a directory.
  package init(parsing bytes: [UInt8], file: String, isNamed: Bool = true, limits: YAMLLimits = .standard) {
    let source = SourceFile(file)
    foreignKind = !isNamed && Self.isKustomization(file) ? .kustomization : .stranger
    if let finding = Self.nothingAtAll(bytes, source) {
      outcomes = [.nothing(but: finding)]
      return
    }
    var findings = 0
    var unusable = 0
    YAMLParser.read(bytes, file: source, limits: limits) { result in
      var outcome: ManifestDecoder.Outcome
      switch result {
      case .failure(let fault): outcome = .nothing(but: Finding(at: fault.location, fault.message))
      case .success(let document):
        guard let root = document.root, root.scalar?.kind != .null else { return true }
        outcome = ManifestDecoder.decode(root, in: source)
        if outcome.isForeign, root.scalar != nil, let syntax = ForeignSyntax(bytes, file: file) {
          outcome.findings = [
            Finding(
              at: document.location, "the file looks like \(syntax.rawValue), not YAML", suggestion: ForeignFiles.advice
            )
          ]
        }
      }
      if outcome.manifest == nil { unusable += 1 }
      if outcome.isForeign { foreignDocuments += 1 }
      if !outcome.isForeign || foreignDocuments == 1 {
        omitted += outcome.cut(to: FindingBounds.inFile - findings)
        findings += outcome.findings.count
        outcomes.append(outcome)
      }
      guard unusable == FindingBounds.unusableDocuments else { return true }
      let place = outcome.findings.last?.location ?? SourceLocation(source: source, line: 1, column: 1)
      outcomes.append(
        .nothing(
          but: Finding(
            at: place, "the rest of this file was not read: \(unusable) documents before it cannot be used",
            suggestion: "correct them first")))
      return false
    }
    tellOfForeignDocuments()
  }

  /// Creates the outcome of a file or directory that could not be read at all.
  package init(unreadable file: String, _ message: String) {
    foreignKind = .stranger
    outcomes = [.nothing(but: Finding(at: SourceLocation(whole: file), message))]
  }

  /// Returns the finding about a file without a document, by its bytes alone.
  private static func nothingAtAll(_ bytes: [UInt8], _ source: SourceFile) -> Finding? {
    let whole = SourceLocation(whole: source.path)
    // An empty file is more likely truncated or half written than intended.
    if bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
      guard source.path != "-" else {
        return Finding(at: whole, "standard input is empty", suggestion: "pipe manifests into the command")
      }
      return Finding(at: whole, "the file is empty", suggestion: "to remove its endpoint, remove the file")
    }
    guard bytes.starts(with: "version https://git-lfs.github.com/spec/".utf8) else { return nil }
    return Finding(
      at: whole, "the file is a Git LFS pointer; Git LFS is not supported",
      suggestion: "keep manifests out of Git LFS")
  }

  private static func isKustomization(_ file: String) -> Bool {
    let name = file.split(separator: "/").last.map(String.init)
    return name == "kustomization.yaml" || name == "kustomization.yml"
  }

  private mutating func tellOfForeignDocuments() {
    guard let index = outcomes.firstIndex(where: \.isForeign), let finding = outcomes[index].findings.first else {
      return
    }
    let isKustomization = foreignKind == .kustomization
    let message = isKustomization ? "a kustomization file; it is skipped" : finding.message
    let count = foreignDocuments > 1 ? " (the first of \(foreignDocuments) such documents in this file)" : ""
    outcomes[index] = .nothing(
      but: Finding(
        isKustomization ? .warning : .error, at: finding.location, path: isKustomization ? "" : finding.path,
        message + count, suggestion: isKustomization ? nil : finding.suggestion))
    outcomes[index].isForeign = true
  }
}

extension ManifestDecoder.Outcome {
  fileprivate static func nothing(but finding: Finding) -> Self {
    Self(manifest: nil, name: nil, nameLocation: nil, findings: [finding])
  }

  /// Omits findings beyond a limit, but never the only error, which says that the document is not used.
  ///
  /// - Returns: the number of findings that are not listed.
  fileprivate mutating func cut(to longest: Int) -> Int {
    let (kept, all) = (findings.prefix(max(0, longest)), findings.count)
    let total = omitted + all - kept.count
    omitted = 0
    if kept.count < all { findings = Array(kept) }
    return total
  }
}
