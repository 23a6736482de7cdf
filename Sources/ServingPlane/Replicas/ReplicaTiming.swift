/// The timeouts and intervals in the life of a replica.
package struct ReplicaTiming: Sendable {
  /// From the start to the first token. vLLM gives its own engine ten minutes.
  package var startDeadline: Duration = .seconds(30 * 60)
  /// The interval between two checks whether the replica has exited.
  package var pollEvery: Duration = .milliseconds(200)
  /// The interval between two checks whether the engine makes progress.
  package var probeEvery: Duration = .seconds(10)
  /// The shortest interval between two such checks, for a replica that did not take a request, or stalled. It doubles
  /// with each check that fails.
  package var troubleEvery: Duration = .milliseconds(200)
  /// The interval between two token requests to an idle engine.
  package var tokenEvery: Duration = .seconds(30)
  /// The timeout of one such check. The very first token may take longer: up to `patience`.
  package var probeTimeout: Duration = .seconds(20)
  /// How long an engine may make no progress before it is replaced.
  package var patience: Duration = .seconds(120)
  /// How long requests in flight may continue at a replica that is drained for a new version.
  package var drainDeadline: Duration = .seconds(600)
  /// The same at a replica that the load no longer needs, while no endpoint waits for its places.
  package var surplusDrainDeadline: Duration = .seconds(24 * 3600)
  /// From the request to shut down (SIGTERM) to the end by force (SIGKILL); an idle vLLM needs about half a second.
  package var terminationGrace: Duration = .seconds(5)

  package init() {}
}
