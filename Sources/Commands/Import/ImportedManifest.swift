internal import Endpoints

/// A manifest made of an endpoint: one document that `apply -f` reads.
struct ImportedManifest: Sendable {
  /// The endpoint's name; a word of the source's own where that leaves the name open.
  let name: String
  let text: String
  /// Variables whose values are not in the text: their names or looks say that they are credentials.
  let hiddenVariables: [String]
  /// What the source says and the text does not, in the source's words.
  let leftOut: [String]
  /// What a person has to write into it before it can be used.
  let openFields: [String]

  /// Reads what is written back, so that nothing is imported that `diff` would not find as it is.
  ///
  /// - Throws: ``Unsayable`` where the text would be refused, or be read as something else.
  init(_ draft: ManifestDraft) throws(Unsayable) {
    var draft = draft
    while let finding = Self.fault(of: draft) {
      let setting = finding.path.hasPrefix("spec.") ? finding.path.dropFirst("spec.".count) : ""
      guard draft.leaveOut(setting: setting, because: finding.message) else {
        throw Unsayable("\(finding.path): \(finding.message)")
      }
    }
    name = draft.name
    text = ManifestText.text(draft)
    hiddenVariables = draft.hiddenVariables
    leftOut = draft.leftOut.map(\.what)
    openFields = []
    let desired = try? Self.read(text).manifests.first?.desired()
    guard let desired, desired.sideSettings == draft.settings,
      desired.config.isMet(by: draft.config) || !hiddenVariables.isEmpty
    else { throw Unsayable("its manifest would not read back the same") }
  }

  private static func read(_ text: String) -> ManifestSet { ManifestSet.read([("manifest", Array(text.utf8))]) }

  private static func fault(of draft: ManifestDraft) -> Finding? {
    read(ManifestText.text(draft)).findings.first { $0.severity == .error }
  }

  /// One that is to be completed by a person, and so cannot be checked.
  init(open draft: ManifestDraft, name: String, openFields: [String]) {
    self.name = name
    self.openFields = openFields
    leftOut = draft.leftOut.map(\.what)
    text = ManifestText.text(draft)
    hiddenVariables = draft.hiddenVariables
  }
}

/// What came of one endpoint.
enum ImportOutcome: Sendable {
  case manifest(ImportedManifest)
  /// Nothing, and why.
  case skipped(name: String, why: String)
  /// It belongs to the platform, and nobody expects it.
  case reserved(name: String)

  var name: String {
    switch self {
    case .manifest(let manifest): manifest.name
    case .skipped(let name, _), .reserved(let name): name
    }
  }
}
