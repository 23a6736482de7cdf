internal import ArgumentParser
internal import Controller
internal import Endpoints

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check manifests without asking a provider.",
    discussion: "Exits with 0 when there is nothing to correct, with 1 when there are findings.")

  @OptionGroup var manifests: ManifestOptions

  func run() throws {
    let console = Surroundings.current.console
    let set = try manifests.read()
    for line in FindingsText.lines(set.findings, console.outputPalette) { try console.result(line) }
    console.note(FindingsText.summary(set))
    guard set.isComplete else { throw ExitCode(1) }
  }
}
