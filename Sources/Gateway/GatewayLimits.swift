/// The gateway's bounds.
package struct GatewayLimits: Hashable, Sendable {
  /// The largest request body, in bytes; the platform's own is 16 MB.
  package var maxBodyBytes = 16 << 20
  /// How long a connection to a replica may take to come about.
  package var connectTimeout: Duration = .seconds(5)
  /// How long a replica may send nothing in the middle of a request.
  package var silence: Duration = .seconds(600)
  /// How long a connection to a replica is kept without use. vLLM closes its side after 5.0 s.
  package var idleConnection: Duration = .seconds(3)
  /// Answers up to this size are passed on whole; larger ones as they come.
  package var maxWholeAnswer = 1 << 20
  /// How long a replica rests after it turned a request away as too busy, and after it could not be reached.
  package var busyPause: Duration = .milliseconds(250)
  package var unreachablePause: Duration = .seconds(1)
  /// How long the answer to a request whose replica broke off waits for the cause of the replica's end.
  package var endingPatience: Duration = .milliseconds(500)

  package init() {}
}
