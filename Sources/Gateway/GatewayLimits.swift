/// The gateway's limits.
package struct GatewayLimits: Hashable, Sendable {
  /// The largest request body, in bytes; the platform's own is 16 MB.
  package var maxBodyBytes = 16 << 20
  /// How long connecting to a replica may take.
  package var connectTimeout: Duration = .seconds(5)
  /// How long a replica may send nothing in the middle of a request.
  package var silence: Duration = .seconds(600)
  /// How long an unused connection to a replica is kept. vLLM closes its side after 5.0 s.
  package var idleConnection: Duration = .seconds(3)
  /// Responses up to this size are passed on whole; larger ones are streamed.
  package var maxBufferedResponse = 1 << 20
  /// How long a replica gets no requests after it refused one as too busy, and after it was unreachable.
  package var busyPause: Duration = .milliseconds(250)
  package var unreachablePause: Duration = .seconds(1)
  /// How long the response to a request whose replica broke off waits for the reason the replica ended.
  package var endingPatience: Duration = .seconds(3)
  /// How often a client that waits for a stream gets a comment while a replica starts.
  package var heartbeat: Duration = .seconds(8)

  /// The size of the bodies that are being recorded, of all requests together, in bytes.
  package var maxPayloadBytes = 64 << 20

  package init() {}
}
