/// The rules for names of manifest files.
enum ManifestName {
  private static let endings: Set<String> = ["yaml", "yml", "json"]

  /// Returns whether the name of a file below a directory is a manifest's.
  static func isManifest(_ name: some StringProtocol) -> Bool {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
    return endings.contains(name[name.index(after: dot)...].lowercased())
  }

  /// Returns whether a name is hidden and skipped: `.git`, an editor's copies, and the dated directories behind a
  /// mounted ConfigMap, whose files are found through their visible links.
  static func isHidden(_ name: some StringProtocol) -> Bool { name.hasPrefix(".") }
}
