internal import ArgumentParser
internal import Controller
internal import Endpoints
internal import ServingAPI

/// The manifests: `-f`, which may be repeated.
struct ManifestOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: ArgumentHelp(
      "A manifest file, a directory of them, or - for standard input. May be repeated.",
      discussion: "Directories are read recursively: files ending in .yaml, .yml or .json, sorted by name.",
      valueName: "FILE|DIR|-"), completion: .manifests)
  var paths: [String] = []
  @OptionGroup var exclusion: ExcludeOptions

  init() {}

  /// Reads all files; what cannot be read or used is reported as a finding.
  ///
  /// - Throws: a usage error if no manifest is named.
  func read() throws -> ManifestSet {
    guard !paths.isEmpty else {
      throw ValidationError("no manifests are specified; use -f FILE, -f DIR, or -f - for standard input")
    }
    let input = paths.contains(ManifestFiles.standardInput) ? try CommandContext.current.readInput() : []
    return ManifestFiles.read(paths, excluding: exclusion.patterns, standardInput: { input })
  }

  /// Reads the manifests for a command that goes on to a provider. Prints the findings; if one is an error, nothing is
  /// done.
  ///
  /// - Parameter consequence: what the command did not do because of the errors.
  /// - Throws: an ``ErrorReport`` if there are errors.
  func readUsable(else consequence: String = Self.unchanged) throws -> ManifestSet {
    let set = try read()
    try Self.report(
      set.findings, consequence, "\"setpoint validate -f ...\" checks without contacting a provider")
    return set
  }

  /// Returns the findings on a manifest by the rules in force at a workspace or a plane; neither accepts everything
  /// that the other does.
  ///
  /// - Parameters:
  ///   - site: the workspace; nil: a plane or an unknown provider.
  ///   - isPlane: whether the provider is known to be a plane.
  static func findings(
    _ manifest: Manifest, on site: WorkspaceSite?, isPlane: Bool = false, _ rules: RuleBook
  ) -> [Finding] {
    let limits = manifest.limitFindings(rules)
    if let site {
      return limits + manifest.findingsForWorkspace + manifest.hardwareFindings(on: site, rules: rules)
    }
    return limits + (isPlane ? manifest.findingsForPlane : manifest.findingsForUnknownProvider)
  }

  /// Checks many manifests and prints the findings; if one is an error, nothing is done.
  ///
  /// - Parameter consequence: what the command did not do because of the errors.
  static func check(
    _ set: ManifestSet, for client: ServingClient, on site: WorkspaceSite?, _ rules: RuleBook,
    else consequence: String = Self.unchanged
  ) async throws {
    // The provider is queried for its kind only if that matters.
    let isInQuestion = site == nil && set.manifests.contains { $0.dependsOnProvider }
    let isPlane = isInQuestion ? await client.isPlane() : false
    let check = "\"setpoint diff -f ...\" checks again"
    try report(set.manifests.flatMap { findings($0, on: site, isPlane: isPlane, rules) }, consequence, check)
  }

  /// What a command that changes endpoints says about manifests with errors.
  static let unchanged = "nothing was changed"
  /// What a command that only plans says about them.
  static let unplanned = "no plan was created"

  /// - Parameter check: the command that finds them again: `validate` does not know the provider's rules.
  private static func report(_ findings: [Finding], _ consequence: String, _ check: String) throws {
    let console = CommandContext.current.console
    for line in FindingsText.lines(findings, console.notesPalette) { console.note(line) }
    let errors = findings.count { $0.severity == .error }
    guard errors == 0 else {
      throw ErrorReport(
        "the manifests have \(errors == 1 ? "an error" : "\(errors) errors"); \(consequence)",
        next: "fix the findings above; \(check)")
    }
  }
}
