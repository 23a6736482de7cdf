internal import Endpoints

/// A manifest generated from an endpoint: one document that `apply -f` reads.
struct ImportedManifest: Sendable {
  /// The endpoint's name; if the source leaves it open, the source's own label.
  let name: String
  let text: String
  /// Variables whose values are not in the text because their names or values look like credentials.
  let hiddenVariables: [String]
  /// Parts of the source that are not in the text, in the source's terms.
  let omissions: [String]
  /// Fields that the user must add before the manifest can be used.
  let openFields: [String]

  /// Reads the text back, so that an import never differs from what `diff` sees.
  ///
  /// - Throws: ``UnsupportedEndpoint`` if the text would be refused or read differently.
  init(_ draft: ManifestDraft) throws(UnsupportedEndpoint) {
    var draft = draft
    while let finding = Self.fault(of: draft) {
      let setting = finding.path.hasPrefix("spec.") ? finding.path.dropFirst("spec.".count) : ""
      guard draft.omit(setting: setting, because: finding.message) else {
        throw UnsupportedEndpoint("\(finding.path): \(finding.message)")
      }
    }
    name = draft.name
    text = ManifestText.text(draft)
    hiddenVariables = draft.hiddenVariables
    omissions = draft.omissions.map(\.what)
    openFields = []
    let desired = try? Self.read(text).manifests.first?.desired()
    guard let desired, desired.sideSettings == draft.settings,
      desired.config.isMet(by: draft.config) || !hiddenVariables.isEmpty
    else { throw UnsupportedEndpoint("a manifest cannot reproduce its config and settings") }
  }

  private static func read(_ text: String) -> ManifestSet { ManifestSet.read([("manifest", Array(text.utf8))]) }

  private static func fault(of draft: ManifestDraft) -> Finding? {
    read(ManifestText.text(draft)).findings.first { $0.severity == .error }
  }

  /// Creates a manifest that the user must complete, and that therefore cannot be checked.
  init(open draft: ManifestDraft, name: String, openFields: [String]) {
    self.name = name
    self.openFields = openFields
    omissions = draft.omissions.map(\.what)
    text = ManifestText.text(draft)
    hiddenVariables = draft.hiddenVariables
  }
}

/// The outcome for one endpoint.
enum ImportOutcome: Sendable {
  case manifest(ImportedManifest)
  /// No manifest, and the reason.
  case skipped(name: String, why: String)
  /// It belongs to the platform and is not expected.
  case reserved(name: String)

  var name: String {
    switch self {
    case .manifest(let manifest): manifest.name
    case .skipped(let name, _), .reserved(let name): name
    }
  }

  /// Returns a question for the user, to follow the reason why a name was not found; empty if no other name is close.
  static func suggestion(for name: String, among names: some Sequence<String>) -> String {
    Similarity.closest(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
  }
}
