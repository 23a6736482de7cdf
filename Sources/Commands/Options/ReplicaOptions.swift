internal import ArgumentParser
internal import ServingPlane

/// The number of replicas that a serving plane runs, and how endpoints share the machine.
struct ReplicaOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The maximum number of replicas per endpoint. (default: 16, or one for each GPU if that is more)",
      valueName: "N"))
  var maxReplicas: Int?
  @Option(
    help: ArgumentHelp(
      "How many replicas may run at once on a machine without GPUs. (default: no limit)", valueName: "N"))
  var slots: Int?
  @Option(
    help: ArgumentHelp(
      "How long an endpoint with scaleToZero keeps its GPUs or slots while it has requests and others wait for room.",
      valueName: "TIME"))
  var swapEvery = TimeSpan(seconds: 30)
  @Option(
    help: ArgumentHelp(
      "How long the load must have needed fewer replicas before some stop, for a model sized by concurrency.",
      valueName: "TIME"))
  var scaleDownAfter = TimeSpan(seconds: 300)

  func validate() throws {
    if let maxReplicas, maxReplicas < 1 { throw ValidationError("--max-replicas must be at least 1") }
    if let slots, slots < 1 { throw ValidationError("--slots must be at least 1") }
    for (name, time) in [("--swap-every", swapEvery), ("--scale-down-after", scaleDownAfter)] {
      if time.seconds < 1 { throw ValidationError("\(name) must be at least 1s") }
    }
  }

  func apply(to configuration: inout PlaneConfiguration) {
    configuration.maximumReplicas = maxReplicas
    configuration.slots = slots
    configuration.swapEvery = swapEvery.duration
    configuration.scaleDownAfter = scaleDownAfter.duration
  }
}
