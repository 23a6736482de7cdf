package import LibYAML

/// What one file says by itself, before it is known what other files say: the part of reading that costs time, and that
/// can be kept for as long as the file stays as it is.
package struct ManifestFile: Sendable {
  /// What each document came to, in the order of the file.
  let outcomes: [ManifestDecoder.Outcome]

  /// - Parameter file: the name to put into positions.
  package init(parsing bytes: [UInt8], file: String, limits: YAMLLimits = .standard) {
    let source = SourceFile(file)
    var outcomes: [ManifestDecoder.Outcome] = []
    if bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) { outcomes.append(.empty(source)) }
    YAMLParser.read(bytes, file: source, limits: limits) { result in
      switch result {
      case .failure(let fault): outcomes.append(.nothing(but: Finding(at: fault.location, fault.message)))
      case .success(let document):
        if let root = document.root, root.scalar?.kind != .null {
          outcomes.append(ManifestDecoder.decode(root, in: source))
        }
      }
      return true
    }
    self.outcomes = outcomes
  }

  /// A file or directory that could not be read at all.
  package init(unreadable file: String, _ message: String) {
    outcomes = [.nothing(but: Finding(at: SourceLocation(file: file, line: 1, column: 1), message))]
  }
}

extension ManifestDecoder.Outcome {
  fileprivate static func nothing(but finding: Finding) -> Self {
    Self(manifest: nil, name: nil, nameLocation: nil, findings: [finding])
  }

  /// A file without a character in it is more likely cut off or half written than meant.
  fileprivate static func empty(_ source: SourceFile) -> Self {
    nothing(
      but: Finding(
        at: SourceLocation(source: source, line: 1, column: 1), "the file is empty",
        suggestion: "if its endpoint is to go, remove the file"))
  }
}
