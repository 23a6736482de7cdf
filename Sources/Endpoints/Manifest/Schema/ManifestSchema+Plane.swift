/// The fields for serving planes only.
extension ManifestSchema {
  static let plane = ObjectType([
    // With scaleToZero: how long the endpoint must be idle before all replicas stop. Default: 30m.
    Field("idleAfter", .duration, otherNames: ["idle_after", "idleTimeout", "idle_timeout", "scaleToZeroAfter"]),
    // The maximum number of concurrent requests per replica. Default: what its engine batches.
    Field(
      "concurrency", .integer(1...100_000),
      otherNames: ["maxConcurrency", "max_concurrency", "replicaConcurrency", "replica_concurrency"]),
    // What may wait when all replicas are busy.
    Field("queue", .object(queue), otherNames: ["admission"]),
    // How a replica is chosen: none (the least busy one), prefix (by the first messages, for the engine's cache), or
    // session (by the header X-Setpoint-Session). Default: none.
    Field(
      "affinity", .word(PlaneArguments.Affinity.allCases.map(\.rawValue)),
      otherNames: ["sessionAffinity", "session_affinity", "routing"]),
  ])

  private static let queue = ObjectType([
    // The maximum number of queued requests. Default: 1024.
    Field("length", .integer(0...1_000_000), otherNames: ["size", "maxLength", "max_length"]),
    // How long a request may wait for a replica. Default: 5m.
    Field("wait", .duration, otherNames: ["timeout", "maxWait", "max_wait"]),
    // The maximum size of all queued requests. Default: 64Mi.
    Field("bytes", .bytes(1 << 10...1 << 40), otherNames: ["memory", "maxBytes", "max_bytes"]),
  ])
}
