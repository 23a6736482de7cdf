internal import ArgumentParser
internal import ServingPlane

/// The number of replicas that a serving plane runs.
struct ReplicaOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The maximum number of replicas per endpoint. (default: 16, or one for each GPU if that is more)",
      valueName: "N"))
  var maxReplicas: Int?

  func validate() throws {
    if let maxReplicas, maxReplicas < 1 { throw ValidationError("--max-replicas must be at least 1.") }
  }

  func apply(to configuration: inout PlaneConfiguration) { configuration.maximumReplicas = maxReplicas }
}
