/// How much one endpoint takes on before it says no.
package struct AdmissionPolicy: Hashable, Sendable {
  /// Requests that may wait at once; one more is refused.
  package var maxWaiting: Int
  /// How long one request may wait for a place.
  package var maxWait: Duration
  /// How many replicas one request may be sent to before the endpoint gives up on it.
  package var maxAttempts: Int

  package init(maxWaiting: Int = 1024, maxWait: Duration = .seconds(300), maxAttempts: Int = 3) {
    self.maxWaiting = maxWaiting
    self.maxWait = maxWait
    self.maxAttempts = maxAttempts
  }
}

/// Why a request was not let through.
package enum AdmissionRefusal: Hashable, Sendable {
  /// As many wait as may; `waiting` is how many that is.
  case queueFull(waiting: Int)
  /// It waited for so long and no place came free.
  case timedOut(after: Duration)
  /// No replica is there and none is coming; the reason is in the words of whoever runs the replicas.
  case unavailable(reason: String)
  /// It asked for a served entity that the endpoint does not have.
  case unknownEntity(String)
  /// It was sent to as many replicas as allowed and none took it.
  case replicasFailed(attempts: Int)
  /// The server is stopping.
  case stopping
}
