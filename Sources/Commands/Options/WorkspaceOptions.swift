internal import ArgumentParser
internal import Endpoints
internal import ServingAPI

/// What is known of a workspace that its API does not tell, and by which rules it is judged.
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
      discussion: "SETPOINT_RULES holds the same, separated by commas. docs/hardware.md lists the rules.",
      valueName: "NAME=WHAT"))
  var rule: [String] = []

  init() {}

  /// The rules in force: the flags outrank the environment.
  ///
  /// - Throws: a usage error for what overrides no rule.
  func rules() throws -> RuleBook {
    let inherited = RuleBook.overrides(in: Surroundings.current.environment["SETPOINT_RULES"] ?? "")
    do throws(RuleFault) {
      return try RuleBook(overrides: inherited + rule)
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// The workspace behind an address; nil for a plane, and for an address that nobody calls a workspace.
  ///
  /// - Throws: a usage error for a cloud that is none.
  func site(at target: ProviderTarget) throws -> WorkspaceSite? {
    if target.isLocalPlane, cloud == nil { return nil }
    return try site(url: target.url, named: target.cloud)
  }

  /// The same for an address as the environment has it, where no provider is asked.
  func siteOfEnvironment() throws -> WorkspaceSite? {
    let environment = Surroundings.current.environment
    return try site(url: environment["DATABRICKS_HOST"] ?? "", named: environment["DATABRICKS_CLOUD"])
  }

  /// - Parameter named: the cloud that environment or profile names.
  private func site(url: String, named: String?) throws -> WorkspaceSite? {
    let environment = Surroundings.current.environment
    let named = named.flatMap { $0.isEmpty ? nil : $0 }
    if cloud == nil, let named, Cloud(word: named) == nil {
      throw ValidationError("The cloud is \"\(named)\"; it must be aws, azure or gcp.")
    }
    guard let cloud = cloud ?? named.flatMap({ Cloud(word: $0) }) ?? Cloud(url: url) else { return nil }
    let region = region ?? environment["DATABRICKS_REGION"]
    return WorkspaceSite(cloud, region: region.flatMap { $0.isEmpty ? nil : $0 })
  }
}

extension Cloud: ExpressibleByArgument {
  /// A word of the command line; nil for what is no cloud.
  public init?(argument: String) { self.init(word: argument) }
  /// What the help lists.
  public static var allValueStrings: [String] { named.map(\.rawValue) }
}
