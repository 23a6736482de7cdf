internal import ArgumentParser
internal import Planning

/// What a command may do to a fleet.
struct FleetOptions: ParsableArguments {
  @Flag(help: "Delete endpoints of the fleet that no longer have a manifest.") var prune = false
  @Flag(help: "Take over existing endpoints that do not belong to this fleet.") var adopt = false
  @Flag(help: "Allow deleting more than a fifth of the fleet at once.") var allowMassDelete = false
  @Flag(help: "Allow deleting and recreating an endpoint to change a setting that is fixed at creation.")
  var allowRecreate =
    false
  @Option(
    help: ArgumentHelp(
      "The commit of the manifests, recorded in the history. (default: GITHUB_SHA or CI_COMMIT_SHA)", valueName: "SHA"))
  var sourceCommit: String?

  init() {}

  func decisionOptions(fleet: String) -> DecisionOptions {
    let environment = CommandContext.current.environment
    let commit = sourceCommit ?? environment["GITHUB_SHA"] ?? environment["CI_COMMIT_SHA"]
    return DecisionOptions(
      fleet: fleet, adopt: adopt, prune: prune, allowRecreate: allowRecreate,
      sourceCommit: commit.flatMap { $0.isEmpty ? nil : $0 })
  }
}
