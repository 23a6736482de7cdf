internal import ArgumentParser
internal import Controller
internal import Endpoints

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check manifests without asking a provider.",
    discussion: """
      Exits with 0 when there is nothing to correct, with 1 when there are findings. Where --cloud, DATABRICKS_CLOUD or \
      DATABRICKS_HOST says that the manifests are for a workspace, they are judged by its rules too.
      """)

  @OptionGroup var manifests: ManifestOptions
  @Option(name: .shortAndLong, help: "The form of the output.") var output = PlanFormat.text
  @OptionGroup var workspace: WorkspaceOptions

  func run() throws {
    let console = Surroundings.current.console
    let rules = try workspace.rules()
    let site = try workspace.siteOfEnvironment()
    let set = try manifests.read().judged { ManifestOptions.findings($0, on: site, rules) }
    switch output {
    case .json: try console.json(FindingsText.json(set))
    case .text: for line in FindingsText.lines(set.findings, console.outputPalette) { try console.result(line) }
    }
    console.note(FindingsText.summary(set))
    guard set.isComplete else { throw ExitCode(1) }
  }
}
