internal import ArgumentParser
internal import Planning

/// What may be done to a fleet.
struct FleetOptions: ParsableArguments {
  @Flag(help: "Delete endpoints of the fleet that the manifests no longer name.") var prune = false
  @Flag(help: "Take over endpoints that exist already and are not this fleet's.") var adopt = false
  @Flag(help: "Delete even more than a fifth of the fleet at once.") var allowMassDelete = false
  @Flag(help: "Delete endpoints and make them again where what differs can be set at creation only.")
  var allowRecreate =
    false
  @Option(
    help: ArgumentHelp(
      "The commit that the manifests come from, for history. (default: GITHUB_SHA or CI_COMMIT_SHA)", valueName: "SHA"))
  var sourceCommit: String?

  init() {}

  func decisionOptions(fleet: String) -> DecisionOptions {
    let environment = Surroundings.current.environment
    let commit = sourceCommit ?? environment["GITHUB_SHA"] ?? environment["CI_COMMIT_SHA"]
    return DecisionOptions(
      fleet: fleet, adopt: adopt, prune: prune, allowRecreate: allowRecreate,
      sourceCommit: commit.flatMap { $0.isEmpty ? nil : $0 })
  }
}
