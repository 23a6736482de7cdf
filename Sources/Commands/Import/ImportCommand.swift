internal import ArgumentParser
internal import Endpoints

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Write manifests for existing endpoints, or for endpoints declared by other tools.",
    discussion: """
      The manifests go to standard output, or into DIR, one file each. Comments in them list what was omitted and why. \
      For live endpoints, "setpoint diff --adopt -f" then shows that they are adopted, without changing a field.

      --from-terraform reads a configuration in Terraform's JSON (*.tf.json), or the output of "terraform show -json"; \
      --from-bundle reads the databricks.yml of a Databricks bundle and the files it includes. Neither contacts a provider.

      Exits with 0 if everything was imported, with 1 if something was omitted or is incomplete; standard error lists it.
      """)

  @Argument(help: "Endpoint names; with --from-…, names or the file's keys. (default with --from-…: all)")
  var names: [String] = []
  @Flag(help: "Import all live endpoints except Databricks' own.") var all = false
  @Option(help: ArgumentHelp("Write the manifests into this directory.", valueName: "DIR")) var out: String?
  @Flag(help: "Replace existing files.") var force = false
  @Option(help: ArgumentHelp("A Terraform file, or - for standard input. May be repeated.", valueName: "FILE"))
  var fromTerraform: [String] = []
  @Option(
    help: ArgumentHelp(
      "A bundle's databricks.yml or folder, or - for standard input. May be repeated.", valueName: "FILE"))
  var fromBundle: [String] = []
  @Option(
    help: ArgumentHelp(
      "The bundle target to import. (default: the bundle's default target)", valueName: "NAME"))
  var target: String?
  @Option(
    help: ArgumentHelp(
      "Set a variable of the bundle; BUNDLE_VAR_NAME in the environment does the same. May be repeated.",
      valueName: "NAME=VALUE"))
  var `var`: [String] = []
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    let isLive = fromTerraform.isEmpty && fromBundle.isEmpty
    if !fromTerraform.isEmpty, !fromBundle.isEmpty {
      throw ValidationError("--from-terraform and --from-bundle cannot be combined")
    }
    if isLive, names.isEmpty, !all { throw ValidationError("no endpoints are specified; pass their names, or --all") }
    if isLive, !names.isEmpty, all { throw ValidationError("endpoint names and --all cannot be combined") }
    if !isLive, all {
      throw ValidationError("--all applies to live endpoints; without names, the whole file is imported")
    }
    if !`var`.isEmpty, fromBundle.isEmpty { throw ValidationError("--var requires --from-bundle") }
    if target != nil, fromBundle.isEmpty { throw ValidationError("--target requires --from-bundle") }
    if force, out == nil { throw ValidationError("--force requires --out DIR") }
  }

  func run() async throws {
    let report = try await report()
    guard let out else { return try report.print() }
    try report.write(to: ManifestDirectory(path: out, replaces: force))
  }

  private func report() async throws -> ImportReport {
    if !fromTerraform.isEmpty {
      let file = try TerraformFile(files: fromTerraform)
      return declared(file.endpoints, file.skipped, omissions: file.omissions)
    }
    if !fromBundle.isEmpty {
      let file = try BundleFile(
        files: fromBundle, target: target, variables: `var`, environment: CommandContext.current.environment)
      if let target = file.chosenTarget {
        CommandContext.current.console.note("bundle target: \(target) (the default)")
      }
      return declared(file.endpoints, file.skipped, file.findings, omissions: file.omissions)
    }
    let outcomes = try await LiveImport.outcomes(names, at: try provider.connect())
    return ImportReport(outcomes, isSelected: !names.isEmpty)
  }

  /// Returns the report on the requested endpoints of a file, and prints the findings.
  ///
  /// - Parameters:
  ///   - skipped: endpoints for which no manifest is written.
  ///   - omissions: omitted parts of the file other than members of endpoints.
  private func declared(
    _ endpoints: [DeclaredEndpoint], _ skipped: [ImportOutcome], _ findings: [Finding] = [], omissions: [Finding]
  ) -> ImportReport {
    let asked = endpoints.filter { endpoint in names.isEmpty || names.contains { endpoint.isCalled($0) } }
    let refused = skipped.filter { outcome in names.isEmpty || names.contains(outcome.name) }
    let missing = names.filter { name in
      !asked.contains { $0.isCalled(name) } && !refused.contains { $0.name == name }
    }
    let results = asked.map { $0.outcome() }
    let console = CommandContext.current.console
    let said = (findings + omissions + results.flatMap(\.1)).sorted { $0.location < $1.location }
    for line in FindingsText.lines(said, console.notesPalette) { console.note(line) }
    let declared = endpoints.flatMap { [$0.label] + [$0.name].compactMap(\.self) }
    let unknown = missing.map { name in
      ImportOutcome.skipped(
        name: name, why: "no file declares it" + ImportOutcome.suggestion(for: name, among: declared))
    }
    let outcomes = results.map(\.0) + refused + unknown
    return ImportReport(outcomes, isSelected: !names.isEmpty, isSourceWhole: omissions.isEmpty)
  }
}
