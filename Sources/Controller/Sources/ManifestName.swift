/// Which names are those of manifests.
enum ManifestName {
  private static let endings: Set<String> = ["yaml", "yml", "json"]

  /// Whether the name of a file below a directory is a manifest's.
  static func isManifest(_ name: some StringProtocol) -> Bool {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
    return endings.contains(name[name.index(after: dot)...].lowercased())
  }

  /// What is hidden is not for us: `.git`, an editor's copies, and the dated directories behind a mounted ConfigMap, whose
  /// files are met through their visible links.
  static func isHidden(_ name: some StringProtocol) -> Bool { name.hasPrefix(".") }
}
