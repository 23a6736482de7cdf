/// How long the plane waits for what, in the life of a replica.
package struct ReplicaTiming: Sendable {
  /// From the start of the process to its first token. vLLM gives its own engine ten minutes.
  package var startDeadline: Duration = .seconds(30 * 60)
  /// Between two looks at whether the process lives.
  package var pollEvery: Duration = .milliseconds(200)
  /// Between two looks at whether the engine makes progress.
  package var probeEvery: Duration = .seconds(10)
  /// Between two tokens asked of an idle engine.
  package var tokenEvery: Duration = .seconds(30)
  /// For one answer to such a look. The first token of all may take longer, and has `patience`.
  package var probeTimeout: Duration = .seconds(20)
  /// How long an engine may stand still before it is replaced.
  package var patience: Duration = .seconds(120)
  /// How long requests in flight may go on at a replica that is drained for a new version.
  package var drainDeadline: Duration = .seconds(600)
  /// From SIGTERM to SIGKILL; an idle vLLM needs about half a second.
  package var terminationGrace: Duration = .seconds(5)

  package init() {}
}
