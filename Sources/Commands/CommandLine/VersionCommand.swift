internal import ArgumentParser
internal import CanonicalJSON

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version, as does --version.")

  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text

  func run() throws {
    let console = CommandContext.current.console
    switch output {
    case .json: try console.json(["kind": "Version", "version": .string(SetpointVersion.number)])
    case .text: try console.result(SetpointVersion.line)
    }
  }
}
