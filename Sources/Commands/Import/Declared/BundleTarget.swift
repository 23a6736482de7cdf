internal import CanonicalJSON
internal import Endpoints

/// The selected target of a bundle.
struct BundleTarget {
  let name: String
  /// Nil: the bundle has no targets; Databricks then uses the name `default`.
  let value: SourcedValue?
  /// Whether the bundle chose the target, not the user.
  let isBundlesChoice: Bool

  /// - Parameter asked: the target's name; nil: the bundle's default, or its only one.
  /// - Returns: nil if the bundle has several targets and no default.
  /// - Throws: an ``ErrorReport`` for an unknown target, and for several defaults.
  static func choose(_ asked: String?, of root: SourcedValue) throws -> BundleTarget? {
    let block = root["targets"] ?? root["environments"]
    let targets = block?.members ?? [:]
    if let asked {
      if let value = targets[asked] { return BundleTarget(name: asked, value: value, isBundlesChoice: false) }
      if targets.isEmpty, asked == implied { return BundleTarget(name: asked, value: nil, isBundlesChoice: false) }
      throw ErrorReport(
        "the bundle has no target \(asked)", place: "\((block ?? root).location)",
        next: targets.isEmpty
          ? "omit --target" : "its targets are \(targets.keys.sorted().joined(separator: ", "))")
    }
    let defaults = targets.filter { $0.value["default"]?.scalar == .bool(true) }
    if defaults.count > 1 {
      throw ErrorReport(
        "the bundle has several default targets", place: "\((block ?? root).location)",
        next: "choose one with --target: \(defaults.keys.sorted().joined(separator: ", "))")
    }
    if let (name, value) = defaults.first ?? (targets.count == 1 ? targets.first : nil) {
      return BundleTarget(name: name, value: value, isBundlesChoice: true)
    }
    return targets.isEmpty ? BundleTarget(name: implied, value: nil, isBundlesChoice: true) : nil
  }

  private static let implied = "default"

  /// Reports that the settings of all targets are ignored if none is selected.
  static func leftAside(of root: SourcedValue) -> Finding? {
    let targets = (root["targets"] ?? root["environments"])?.members ?? [:]
    let speaking = targets.filter { $0.value.members?.keys.contains(where: overlaid.contains) ?? false }
    guard let first = speaking.min(by: { $0.key < $1.key }) else { return nil }
    let names = speaking.keys.sorted().joined(separator: ", ")
    return Finding(
      .warning, at: first.value.location, path: "targets", "the settings of the targets \(names) are ignored",
      suggestion: "choose one with --target")
  }

  /// The sections that a target may override.
  private static let overlaid = ["resources", "variables", "permissions", "bundle", "workspace", "presets"]

  /// Returns the bundle with the target's resources, permissions and other sections merged over it.
  func applied(to root: SourcedValue, joins: inout [JoinedList]) -> SourcedValue {
    guard let value else { return root }
    let own = (value.members ?? [:]).filter { ["resources", "permissions", "bundle", "workspace"].contains($0.key) }
    return root.merging(SourcedValue(.object(own), at: value.location), joins: &joins)
  }
}
