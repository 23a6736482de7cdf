/// The limits on the requests that one endpoint accepts, and how it spreads them over replicas.
package struct AdmissionPolicy: Hashable, Sendable {
  /// The maximum number of waiting requests; more are refused.
  package var maxWaiting: Int
  /// The maximum time that a request may wait for a replica, from its arrival.
  package var maxWait: Duration
  /// The maximum size of the bodies of all waiting requests, in bytes; more are refused.
  package var queueBytes: Int
  /// The maximum number of replicas that a request is sent to before it fails.
  package var maxAttempts: Int
  /// What requests must have in common to be sent to the same replica.
  package var affinity: ReplicaAffinity

  package init(
    maxWaiting: Int = 1024, maxWait: Duration = .seconds(300), queueBytes: Int = 64 << 20, maxAttempts: Int = 3,
    affinity: ReplicaAffinity = .none
  ) {
    self.maxWaiting = maxWaiting
    self.maxWait = maxWait
    self.queueBytes = queueBytes
    self.maxAttempts = maxAttempts
    self.affinity = affinity
  }
}

/// The bound of a queue that a request would have exceeded.
package enum QueueBound: Hashable, Sendable {
  /// The number of the endpoint's waiting requests.
  case length
  /// The size of the bodies of the endpoint's waiting requests.
  case bytes
  /// The same, by its own body alone: it cannot wait even if no other request does.
  case body(limit: Int)
  /// The size of the bodies of the requests of all endpoints.
  case totalBytes
}

/// Why a request was refused. `waiting` is the number of waiting requests without this one; `retryAfter` is the time
/// that they need at the measured rate, nil if none is measured.
package enum AdmissionRefusal: Hashable, Sendable {
  /// The request would have to wait, and the queue is full.
  case queueFull(QueueBound, waiting: Int, retryAfter: Duration?)
  /// No replica became free in the time that it may wait. `isServing` tells whether a replica serves its entity at all.
  case timedOut(after: Duration, waiting: Int, isServing: Bool, retryAfter: Duration?)
  /// There is no replica and none is starting; with the reason that ``AdmissionQueue/setUnavailable(reason:now:)`` got.
  case unavailable(reason: String)
  /// The request names a served entity that the endpoint does not have.
  case unknownEntity(String)
  /// It was sent to as many replicas as allowed, and none accepted it.
  case replicasFailed(attempts: Int)
  /// The server is stopping.
  case stopping
}
