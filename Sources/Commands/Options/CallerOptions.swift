internal import ArgumentParser
internal import FoundationEssentials
internal import Gateway
internal import Scheduling
internal import ServingPlane

/// What the serving plane grants its callers: how many, how much, and how long it waits for each.
struct CallerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Requests that a replica gets at once. (default: what its engine batches: --max-num-seqs, else 256)",
      valueName: "N"))
  var replicaConcurrency: Int?
  @Option(help: ArgumentHelp("Requests that may wait at an endpoint.", valueName: "N")) var queueLength = 1024
  @Option(help: ArgumentHelp("How long a request may wait for a replica.", valueName: "TIME"))
  var queueWait = TimeSpan(seconds: 300)
  @Option(
    help: ArgumentHelp(
      "Connections open at once; the longest idle one is closed for a new one. (default: what the limit of open files "
        + "allows, 10000 at most)", valueName: "N"))
  var maxConnections: Int?
  @Option(
    help: ArgumentHelp("Bytes of request bodies held at once, over all requests, as 64Mi.", valueName: "BYTES"))
  var requestMemory = ByteCount(bytes: CallerLimits().heldBytes)
  @Option(help: ArgumentHelp("How long a connection may be idle.", valueName: "TIME"))
  var idleTimeout = TimeSpan(seconds: 120)
  @Option(help: ArgumentHelp("How long the head of a request may take.", valueName: "TIME"))
  var headerTimeout = TimeSpan(seconds: 10)
  @Option(
    help: ArgumentHelp("A body must come in at --minimum-rate, measured over this time.", valueName: "TIME"))
  var bodyTimeout = TimeSpan(seconds: 30)
  @Option(
    help: ArgumentHelp(
      "An answer must be read at --minimum-rate, measured over this time; else its connection is closed and its replica freed.",
      valueName: "TIME"))
  var answerTimeout = TimeSpan(seconds: 30)
  @Option(help: ArgumentHelp("Bytes a second that callers must send and read at.", valueName: "BYTES"))
  var minimumRate = ByteCount(bytes: CallerLimits().minimumRate)

  func validate() throws {
    for (name, number) in [
      ("--replica-concurrency", replicaConcurrency), ("--max-connections", maxConnections),
      ("--queue-length", queueLength + 1),
    ] {
      if let number, number < 1 { throw ValidationError("\(name) must be a positive number.") }
    }
    for (name, time) in [
      ("--queue-wait", queueWait), ("--idle-timeout", idleTimeout), ("--header-timeout", headerTimeout),
      ("--body-timeout", bodyTimeout), ("--answer-timeout", answerTimeout),
    ] {
      if time.seconds < 1 { throw ValidationError("\(name) must be at least 1s.") }
    }
  }

  /// - Parameter files: the descriptors that the process may have open.
  func apply(to configuration: inout PlaneConfiguration, files: OpenFileLimit) {
    configuration.requestsPerReplica = replicaConcurrency
    configuration.admission.maxWaiting = queueLength
    configuration.admission.maxWait = queueWait.duration
    // A request that goes on to a replica has a connection there too.
    let possible = files.connections(perCaller: 2, cores: ProcessInfo.processInfo.activeProcessorCount)
    configuration.callers.maxConnections = min(maxConnections ?? possible, possible)
    configuration.callers.heldBytes = requestMemory.bytes
    configuration.callers.idleTimeout = idleTimeout.duration
    configuration.callers.headerTimeout = headerTimeout.duration
    configuration.callers.bodyTimeout = bodyTimeout.duration
    configuration.callers.answerTimeout = answerTimeout.duration
    configuration.callers.minimumRate = minimumRate.bytes
  }
}

/// A number of bytes: `4096`, `128Mi`, `1G`.
struct ByteCount: ExpressibleByArgument, Hashable, Sendable {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let units: [(String, Int)] = [
      ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000),
    ]
    let unit = units.first { argument.hasSuffix($0.0) }
    let digits = argument.dropLast(unit?.0.count ?? 0)
    guard let number = Int(digits), number >= 0,
      case (let product, false) = number.multipliedReportingOverflow(by: unit?.1 ?? 1)
    else { return nil }
    bytes = product
  }

  var defaultValueDescription: String {
    if bytes >= 1 << 20, bytes.isMultiple(of: 1 << 20) { return "\(bytes >> 20)Mi" }
    if bytes >= 1 << 10, bytes.isMultiple(of: 1 << 10) { return "\(bytes >> 10)Ki" }
    return "\(bytes)"
  }
}
