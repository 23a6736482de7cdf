package import LibYAML

/// Reads one document: its structure by the field table, then the rules between fields. All problems are found in one
/// pass.
package enum ManifestDecoder {
  package struct Outcome: Sendable {
    /// The manifest; nil if there is an error among the findings.
    package let manifest: Manifest?
    /// The endpoint's name, if it can be read, whatever else is invalid.
    package let name: String?
    /// The location of the name.
    package let nameLocation: SourceLocation?
    package internal(set) var findings: [Finding]
    /// The number of findings beyond the limit.
    var omitted = 0
    /// Whether the document is not a manifest at all; its only finding says what it is.
    var isForeign = false
  }

  /// - Parameters:
  ///   - root: the document's content.
  ///   - source: the document's file.
  package static func decode(_ root: YAMLNode, in source: SourceFile) -> Outcome {
    if let stranger = stranger(root, in: source) {
      return Outcome(manifest: nil, name: nil, nameLocation: nil, findings: [stranger], isForeign: true)
    }
    var reader = RecordReader(root: ManifestSchema.document, source: source)
    guard let document = reader.read(root) else {
      return Outcome(
        manifest: nil, name: nil, nameLocation: nil, findings: reader.findings, omitted: reader.omitted.count)
    }
    var findings = reader.findings
    let metadata = document.record("metadata")
    let manifest = manifest(metadata, document.record("spec"), &findings)
    let isValid = !findings.contains { $0.severity == .error } && !reader.omitted.areErrors
    return Outcome(
      manifest: isValid ? manifest : nil, name: metadata?.text("name"), nameLocation: metadata?.location(of: "name"),
      findings: findings, omitted: reader.omitted.count)
  }

  /// Returns one finding for a document of another kind, or for one that is not an object, not one for each field.
  private static func stranger(_ root: YAMLNode, in source: SourceFile) -> Finding? {
    guard let mapping = root.mapping else {
      return Finding(
        at: SourceLocation(source: source, mark: root.mark),
        "expected a mapping with apiVersion, kind, metadata and spec, found "
          + RecordReader(root: ManifestSchema.document, source: source).found(root),
        suggestion: ForeignFiles.advice)
    }
    if let version = mapping["apiVersion"]?.text, version.hasPrefix(ManifestSchema.group) { return nil }
    if let node = mapping["kind"], let kind = node.text, !kind.isEmpty {
      guard kind != ManifestSchema.kind, Similarity.closest(to: kind, among: [ManifestSchema.kind]) == nil else {
        return nil
      }
      return Finding(
        at: SourceLocation(source: source, mark: node.mark), path: "kind",
        "\(shown(kind)) is not a \(ManifestSchema.kind)", suggestion: ForeignFiles.advice)
    }
    guard mapping["metadata"] == nil, mapping["spec"] == nil, mapping["kind"] == nil else { return nil }
    return Finding(
      at: SourceLocation(source: source, mark: root.mark),
      "not a \(ManifestSchema.kind): it has neither kind nor metadata nor spec", suggestion: ForeignFiles.advice)
  }

  private static func manifest(_ metadata: Record?, _ spec: Record?, _ findings: inout [Finding]) -> Manifest? {
    guard let spec else { return nil }
    var entities = EntityDecoder(spec: spec)
    entities.decode()
    var settings = SettingsDecoder(spec: spec)
    let sideSettings = settings.settings()
    var rollouts = RolloutDecoder(spec: spec)
    let rollout = rollouts.policy()
    findings += entities.findings + settings.findings + rollouts.findings
    guard let metadata, let name = metadata.text("name"), let location = metadata.location(of: "name") else {
      return nil
    }
    return Manifest(
      name: name, location: location, labels: metadata.texts("labels") ?? [:], entities: entities.entities,
      sideSettings: sideSettings, rollout: rollout,
      deletionPolicy: spec.text("deletionPolicy").flatMap(DeletionPolicy.init) ?? .delete,
      suspend: spec.boolean("suspend") ?? false, engineLocation: entities.engineLocation,
      planeOnlyFields: entities.planeFields + settings.planeOnlyFields,
      workspaceOnlyFields: settings.workspaceOnlyFields, planeOnlyNames: settings.planeOnlyNames)
  }
}

extension Record.Slot {
  var record: Record? {
    if case .value(.record(let record), _) = self { record } else { nil }
  }

  var text: String? {
    if case .value(.text(let text), _) = self { text } else { nil }
  }
}
