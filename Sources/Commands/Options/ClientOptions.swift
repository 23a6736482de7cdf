internal import ArgumentParser
internal import Endpoints
internal import FoundationEssentials
internal import HTTPSupport
internal import Scheduling
internal import ServingPlane

/// The serving plane's limits for its clients: connections, memory, and timeouts; and when it scales to zero.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Maximum number of concurrent requests per replica. (default: --max-num-seqs of its engine, else 256)",
      valueName: "N"))
  var replicaConcurrency: Int?
  @Option(help: ArgumentHelp("Maximum number of queued requests per endpoint.", valueName: "N")) var queueLength = 1024
  @Option(help: ArgumentHelp("How long a queued request may wait for a free replica.", valueName: "TIME"))
  var queueWait = TimeSpan(seconds: 300)
  @Option(
    help: ArgumentHelp(
      "How long an endpoint with scaleToZero must be idle before its replicas stop.", valueName: "TIME"))
  var idleAfter = TimeSpan(seconds: 30 * 60)
  @Option(
    help: ArgumentHelp(
      "Memory for the bodies of requests that are queued, or were queued and wait for a replica's response, across all "
        + "endpoints.",
      valueName: "BYTES"))
  var heldBytes = ByteCount(bytes: 512 << 20)
  @Option(
    help: ArgumentHelp(
      "Maximum number of connections; the longest idle one is closed to make room. (default: as the open file limit "
        + "allows, at most 10000)", valueName: "N"))
  var maxConnections: Int?
  @Option(
    help: ArgumentHelp(
      "Memory for the request bodies that are being received, or reached a replica without being queued and wait for "
        + "its response, such as 64Mi.", valueName: "BYTES"))
  var requestMemory = ByteCount(bytes: ClientLimits().requestMemory)
  @Option(help: ArgumentHelp("How long a connection may be idle.", valueName: "TIME"))
  var idleTimeout = TimeSpan(seconds: 120)
  @Option(help: ArgumentHelp("How long a request's headers may take to arrive.", valueName: "TIME"))
  var headerTimeout = TimeSpan(seconds: 10)
  @Option(
    help: ArgumentHelp("The period over which a request body must arrive at --minimum-rate.", valueName: "TIME"))
  var bodyTimeout = TimeSpan(seconds: 30)
  @Option(
    help: ArgumentHelp(
      "The period over which a client must read a response at --minimum-rate; otherwise the connection is closed.",
      valueName: "TIME"))
  var answerTimeout = TimeSpan(seconds: 30)
  @Option(help: ArgumentHelp("The minimum rate of sending and reading, in bytes per second.", valueName: "BYTES"))
  var minimumRate = ByteCount(bytes: ClientLimits().minimumRate)

  func validate() throws {
    for (name, number) in [("--replica-concurrency", replicaConcurrency), ("--max-connections", maxConnections)] {
      if let number, number < 1 { throw ValidationError("\(name) must be a positive number") }
    }
    if queueLength < 0 { throw ValidationError("--queue-length must not be negative") }
    for (name, time) in [
      ("--queue-wait", queueWait), ("--idle-after", idleAfter), ("--idle-timeout", idleTimeout),
      ("--header-timeout", headerTimeout), ("--body-timeout", bodyTimeout), ("--answer-timeout", answerTimeout),
    ] {
      if time.seconds < 1 { throw ValidationError("\(name) must be at least 1s") }
    }
  }

  /// - Parameter files: the number of descriptors that the process may open.
  func apply(to configuration: inout PlaneConfiguration, files: OpenFileLimit) {
    configuration.requestsPerReplica = replicaConcurrency
    configuration.admission.maxWaiting = queueLength
    configuration.admission.maxWait = queueWait.duration
    configuration.idleAfter = idleAfter.duration
    configuration.heldBytes = heldBytes.bytes
    // A request that is forwarded to a replica also uses a connection there.
    let possible = files.connections(perClient: 2, cores: ProcessInfo.processInfo.activeProcessorCount)
    configuration.clients.maxConnections = min(maxConnections ?? possible, possible)
    configuration.clients.requestMemory = requestMemory.bytes
    configuration.clients.idleTimeout = idleTimeout.duration
    configuration.clients.headerTimeout = headerTimeout.duration
    configuration.clients.bodyTimeout = bodyTimeout.duration
    configuration.clients.answerTimeout = answerTimeout.duration
    configuration.clients.minimumRate = minimumRate.bytes
  }
}

/// A number of bytes as an option's value, in the form of ``ByteCountText``.
struct ByteCount: ExpressibleByArgument, Hashable, Sendable {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    guard let bytes = ByteCountText.bytes(argument) else { return nil }
    self.bytes = bytes
  }

  var defaultValueDescription: String { ByteCountText.text(bytes: bytes) }
}
