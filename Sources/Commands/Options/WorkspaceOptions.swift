internal import ArgumentParser
internal import Endpoints
internal import ServingAPI

/// Properties of a workspace that its API does not report, and the rules to apply.
struct WorkspaceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The workspace's cloud: aws, azure or gcp. (default: DATABRICKS_CLOUD, else by its address)", valueName: "CLOUD"))
  var cloud: Cloud?

  @Option(
    help: ArgumentHelp(
      "The workspace's region, used to warn about hardware that is not listed there. (default: DATABRICKS_REGION)",
      valueName: "REGION"))
  var region: String?

  @Option(
    help: ArgumentHelp(
      "Override a workspace rule: NAME=off, NAME=warn, NAME=refuse, or a number for a limit. May be repeated.",
      discussion: "SETPOINT_RULES takes the same, separated by commas. docs/hardware.md lists the rules.",
      valueName: "NAME=WHAT"))
  var rule: [String] = []

  init() {}

  /// Returns the rules in force: flags take precedence over the environment.
  ///
  /// - Throws: a usage error for an override of an unknown rule.
  func rules() throws -> RuleBook {
    let inherited = RuleBook.overrides(in: CommandContext.current.environment["SETPOINT_RULES"] ?? "")
    do throws(RuleFault) {
      return try RuleBook(overrides: inherited + rule)
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// Returns the workspace behind an address; nil for a plane and for an address not known to be a workspace.
  ///
  /// - Throws: a usage error for an unknown cloud.
  func site(at target: ProviderTarget) throws -> WorkspaceSite? {
    if target.isLocalPlane, cloud == nil { return nil }
    return try site(url: target.url, named: target.cloud)
  }

  /// Returns the workspace named by the environment; no provider is queried.
  func siteOfEnvironment() throws -> WorkspaceSite? {
    let environment = CommandContext.current.environment
    return try site(url: environment["DATABRICKS_HOST"] ?? "", named: environment["DATABRICKS_CLOUD"])
  }

  /// - Parameter named: the cloud from the environment or the profile.
  private func site(url: String, named: String?) throws -> WorkspaceSite? {
    let environment = CommandContext.current.environment
    let named = named.flatMap { $0.isEmpty ? nil : $0 }
    if cloud == nil, let named, Cloud(word: named) == nil {
      throw ValidationError(
        "the cloud of the environment or the profile, \"\(named)\", is not valid; use aws, azure or gcp")
    }
    guard let cloud = cloud ?? named.flatMap({ Cloud(word: $0) }) ?? Cloud(url: url) else { return nil }
    let region = region ?? environment["DATABRICKS_REGION"]
    return WorkspaceSite(cloud, region: region.flatMap { $0.isEmpty ? nil : $0 })
  }
}

extension Cloud: ExpressibleByArgument {
  /// Parses a command-line argument; nil if it is not a cloud.
  public init?(argument: String) { self.init(word: argument) }
  /// The values listed in the help.
  public static var allValueStrings: [String] { named.map(\.rawValue) }
}
