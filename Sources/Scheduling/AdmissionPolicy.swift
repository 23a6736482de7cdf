/// The limits on the requests that one endpoint accepts.
package struct AdmissionPolicy: Hashable, Sendable {
  /// The maximum number of waiting requests; more are refused.
  package var maxWaiting: Int
  /// The maximum time that a request may wait for a place.
  package var maxWait: Duration
  /// The maximum number of replicas that a request is sent to before it fails.
  package var maxAttempts: Int

  package init(maxWaiting: Int = 1024, maxWait: Duration = .seconds(300), maxAttempts: Int = 3) {
    self.maxWaiting = maxWaiting
    self.maxWait = maxWait
    self.maxAttempts = maxAttempts
  }
}

/// Why a request was refused.
package enum AdmissionRefusal: Hashable, Sendable {
  /// The queue is full; `waiting` is the number of waiting requests.
  case queueFull(waiting: Int)
  /// No place became free in the time that it waited.
  case timedOut(after: Duration)
  /// There is no replica and none is starting; with the reason given by whoever runs the replicas.
  case unavailable(reason: String)
  /// The request names a served entity that the endpoint does not have.
  case unknownEntity(String)
  /// It was sent to as many replicas as allowed, and none accepted it.
  case replicasFailed(attempts: Int)
  /// The server is stopping.
  case stopping
}
