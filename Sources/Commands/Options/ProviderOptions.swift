internal import ArgumentParser
internal import Endpoints
internal import ModelRegistry
internal import Planning
internal import ServingAPI

/// Which provider to use, and which fleet to act for.
struct ProviderOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The address of a workspace or a serving plane. (default: DATABRICKS_HOST, else the plane on this machine)",
      valueName: "URL"))
  var host: String?

  @Option(help: ArgumentHelp("A profile of ~/.databrickscfg.", valueName: "NAME"))
  var profile: String?

  @Option(
    name: .customLong("fleet"),
    help: ArgumentHelp("The fleet to act for. (default: SETPOINT_FLEET, else default)", valueName: "NAME"),
    completion: .fleets)
  var namedFleet: String?

  init() {}

  /// The fleet to act for.
  var fleet: String { namedFleet ?? FleetName.ofEnvironment ?? DecisionOptions.defaultFleet }

  func validate() throws {
    guard !fleet.isEmpty, fleet.utf8.count <= 256 else {
      throw ValidationError("a fleet's name must have 1 to 256 characters")
    }
  }

  /// Connects to the provider, and reports on standard error which one it is.
  ///
  /// - Parameters:
  ///   - transport: nil uses the process's own.
  ///   - retryPolicy: nil uses the one for the target.
  ///   - isSaid: whether to report it.
  func connect(
    transport: Transport? = nil, retryPolicy: RetryPolicy? = nil, isSaid: Bool = true
  ) throws -> Connection {
    let context = CommandContext.current
    let access = try TargetResolver.system(environment: context.environment).resolve(host: host, profile: profile)
    if isSaid {
      context.console.note(context.console.notesPalette.paint("target: \(access.target)", .muted))
    }
    return Connection(
      ServingClient(
        access, version: SetpointVersion.number, transport: transport ?? context.transport,
        timing: context.timing, retryPolicy: retryPolicy))
  }

  /// Returns the provider's URL, under which its endpoints are recorded, and the connection to it. A plane that does not
  /// run has only a URL.
  func place() throws -> (url: String, connection: Result<Connection, TargetError>) {
    do {
      let connection = try connect()
      return (connection.target.url, .success(connection))
    } catch let error as TargetError {
      guard let plane = error.stoppedPlane else { throw error }
      return (plane, .failure(error))
    }
  }
}

/// A provider and its clients.
struct Connection: Sendable {
  let client: ServingClient
  let provider: APIProvider
  let models: ModelDirectoryClient
  var versions: VersionResolver
  /// Whether an update waits for versions that are not in the registry (rule `model-ready`).
  var gatesVersions = true

  init(_ client: ServingClient) {
    self.client = client
    provider = APIProvider(client)
    models = ModelDirectoryClient(client)
    versions = VersionResolver(client)
  }

  var target: ProviderTarget { provider.target }

  /// Returns the connection with updates waiting for missing versions if the rule `model-ready` refuses them.
  func gatingVersions(_ rules: RuleBook, if isOn: Bool = true) -> Connection {
    var copy = self
    copy.gatesVersions = isOn && rules.severity(of: .modelReady) == .refuse
    return copy
  }
}
