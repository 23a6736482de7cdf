internal import ArgumentParser
internal import Controller
internal import Endpoints

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check manifests without contacting a provider.",
    discussion: """
      Exits with 0 if the manifests are valid, with 1 if there are findings. If --cloud, DATABRICKS_CLOUD or \
      DATABRICKS_HOST shows that they are for a workspace, its rules are checked too.
      """)

  @OptionGroup var manifests: ManifestOptions
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var workspace: WorkspaceOptions

  func run() throws {
    let console = CommandContext.current.console
    let rules = try workspace.rules()
    let site = try workspace.siteOfEnvironment()
    let set = try manifests.read().validated { ManifestOptions.findings($0, on: site, rules) }
    switch output {
    case .json: try console.json(FindingsText.json(set))
    case .text: for line in FindingsText.lines(set.findings, console.outputPalette) { try console.result(line) }
    }
    console.note(FindingsText.summary(set))
    guard set.isComplete else { throw ExitCode(1) }
  }
}
