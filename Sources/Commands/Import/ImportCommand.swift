internal import ArgumentParser
internal import Endpoints

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Write manifests for endpoints that exist, or that other tools declare.",
    discussion: """
      The manifests go to standard output, or into DIR, one file each. Comments in them say what was left out and why. \
      For live endpoints "setpoint diff --adopt -f" then shows that they are taken over, and no change of any field.

      --from-terraform reads a configuration in Terraform's JSON (*.tf.json), or what "terraform show -json" prints; \
      --from-bundle reads the YAML of a Databricks bundle. Both ask no provider.

      Exits with 0 when every endpoint could be said whole, with 1 when one could not.
      """)

  @Argument(help: "The names of endpoints; with --from-…, names or what the file calls them. (default there: all)")
  var names: [String] = []
  @Flag(help: "Every live endpoint, but Databricks' own.") var all = false
  @Option(help: ArgumentHelp("Write the manifests into this directory.", valueName: "DIR")) var out: String?
  @Flag(help: "Replace files that are there already.") var force = false
  @Option(help: ArgumentHelp("A file of Terraform, or - for standard input. May be repeated.", valueName: "FILE"))
  var fromTerraform: [String] = []
  @Option(help: ArgumentHelp("A file of a bundle, or - for standard input. May be repeated.", valueName: "FILE"))
  var fromBundle: [String] = []
  @Option(help: ArgumentHelp("The bundle's target whose own words count.", valueName: "NAME")) var target: String?
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    let isLive = fromTerraform.isEmpty && fromBundle.isEmpty
    if !fromTerraform.isEmpty, !fromBundle.isEmpty {
      throw ValidationError("Give --from-terraform or --from-bundle, not both.")
    }
    if isLive, names.isEmpty != all { throw ValidationError("Name the endpoints, or say --all.") }
    if !isLive, all { throw ValidationError("--all goes with live endpoints; of a file all are taken without it.") }
    if target != nil, fromBundle.isEmpty { throw ValidationError("--target goes with --from-bundle.") }
    if force, out == nil { throw ValidationError("--force goes with --out DIR.") }
  }

  func run() async throws {
    let report = ImportReport(try await outcomes(), isSelected: !names.isEmpty)
    guard let out else { return try report.print() }
    try report.write(to: ManifestDirectory(path: out, replaces: force))
  }

  private func outcomes() async throws -> [ImportOutcome] {
    if !fromTerraform.isEmpty {
      let file = try TerraformFile(files: fromTerraform)
      return declared(file.endpoints, file.findings)
    }
    if !fromBundle.isEmpty {
      let file = try BundleFile(files: fromBundle, target: target)
      return declared(file.endpoints, file.findings)
    }
    return try await LiveImport.outcomes(names, at: try provider.connect())
  }

  /// What came of the endpoints of a file that are asked for; findings are printed.
  private func declared(_ endpoints: [DeclaredEndpoint], _ findings: [Finding]) -> [ImportOutcome] {
    let asked = endpoints.filter { endpoint in
      names.isEmpty || names.contains { $0 == endpoint.label || $0 == endpoint.name }
    }
    let missing = names.filter { name in !asked.contains { $0.label == name || $0.name == name } }
    let results = asked.map { $0.outcome() }
    let console = Surroundings.current.console
    let said = (findings + results.flatMap(\.1)).sorted { $0.location < $1.location }
    for line in FindingsText.lines(said, console.notesPalette) { console.note(line) }
    return results.map(\.0) + missing.map { .skipped(name: $0, why: "no file declares it") }
  }
}
