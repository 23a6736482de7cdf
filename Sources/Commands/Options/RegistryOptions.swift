internal import ArgumentParser
internal import ModelRegistry
internal import ServingAPI

/// Where to look up versions and aliases.
struct RegistryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The model registry: workspace, or mlflow:URL for an MLflow server. (default: "
        + "SETPOINT_REGISTRY, else workspace)", valueName: "workspace|mlflow:URL"))
  var registry: String?

  init() {}

  func validate() throws {
    guard let registry else { return }
    do throws(TargetError) {
      _ = try RegistryChoice(registry, source: "--registry")
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// Returns the provider with its versions looked up in the registry of these options.
  ///
  /// - Parameters:
  ///   - transport: nil uses the process's own.
  ///   - retryPolicy: nil uses the one for the registry's address.
  ///   - isSaid: whether to report on standard error which registry it is, if it is not the provider's own.
  func applied(
    to connection: Connection, transport: Transport? = nil, retryPolicy: RetryPolicy? = nil, isSaid: Bool = true
  ) throws -> Connection {
    let context = CommandContext.current
    guard case .mlflow(let url, let source) = try choice(context.environment) else { return connection }
    if isSaid {
      let palette = context.console.notesPalette
      context.console.note(palette.paint("registry: MLflow at \(url) (\(source))", .muted))
    }
    var connection = connection
    connection.versions = VersionResolver(
      MLflowServer(
        url: url, source: source, credentials: try MLflowCredentials(environment: context.environment),
        version: SetpointVersion.number, transport: transport ?? context.transport, timing: context.timing,
        retryPolicy: retryPolicy))
    return connection
  }

  private func choice(_ environment: [String: String]) throws(TargetError) -> RegistryChoice {
    if let registry { return try RegistryChoice(registry, source: "--registry") }
    guard let text = environment["SETPOINT_REGISTRY"], !text.isEmpty else { return .workspace }
    return try RegistryChoice(text, source: "environment SETPOINT_REGISTRY")
  }
}
