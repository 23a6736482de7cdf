import HTTPSupport

/// Why the gateway refused a request, as its record has it. The texts are public (docs/telemetry.md) and never change.
enum RecordedRefusal: String, Hashable, Sendable {
  /// A call or token limit of its endpoint.
  case rateLimit = "rate_limit"
  /// The queue had its maximum number of requests, or of bytes.
  case queueFull = "queue_full"
  case queueBytes = "queue_bytes"
  /// No replica was free in time, or none was there.
  case waitedTooLong = "waited_too_long"
  case noReplica = "no_replica"
  /// The caller can see no endpoint of that name.
  case unknownEndpoint = "unknown_endpoint"
}

extension GatewayError {
  /// The same error, recorded as this.
  func recorded(as refusal: RecordedRefusal) -> GatewayError {
    var error = self
    error.refusal = refusal.rawValue
    return error
  }
}
