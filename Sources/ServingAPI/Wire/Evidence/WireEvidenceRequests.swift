package import CanonicalJSON

/// The requests of a period.
package struct WireEvidenceRequests: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "outcomes": .list(.object(WireEvidenceOutcome.self)), "queue_ms": .object(WirePercentiles.self),
    "ttft_ms": .object(WirePercentiles.self), "latency_ms": .object(WirePercentiles.self),
    "itl_ms": .object(WirePercentiles.self), "tokens_in": .object(WirePercentiles.self),
    "tokens_out": .object(WirePercentiles.self), "cold_starts": .number, "cold_start_ms": .object(WirePercentiles.self),
    "by_version": .list(.object(WireEvidenceGroup.self)), "by_principal": .list(.object(WireEvidenceGroup.self)),
    "by_replica": .list(.object(WireEvidenceGroup.self)), "unrouted": .number, "unrouted_names": .list(.text),
  ]

  package var outcomes: [WireEvidenceOutcome]? {
    get { self[list: "outcomes"] }
    set { self[list: "outcomes"] = newValue }
  }
  /// The wait for a replica.
  package var queue: WirePercentiles? {
    get { self[object: "queue_ms"] }
    set { self[object: "queue_ms"] = newValue }
  }
  package var firstToken: WirePercentiles? {
    get { self[object: "ttft_ms"] }
    set { self[object: "ttft_ms"] = newValue }
  }
  package var latency: WirePercentiles? {
    get { self[object: "latency_ms"] }
    set { self[object: "latency_ms"] = newValue }
  }
  package var betweenTokens: WirePercentiles? {
    get { self[object: "itl_ms"] }
    set { self[object: "itl_ms"] = newValue }
  }
  package var tokensIn: WirePercentiles? {
    get { self[object: "tokens_in"] }
    set { self[object: "tokens_in"] = newValue }
  }
  package var tokensOut: WirePercentiles? {
    get { self[object: "tokens_out"] }
    set { self[object: "tokens_out"] = newValue }
  }
  package var coldStarts: Int64? {
    get { self[number: "cold_starts"] }
    set { self[number: "cold_starts"] = newValue }
  }
  package var coldStart: WirePercentiles? {
    get { self[object: "cold_start_ms"] }
    set { self[object: "cold_start_ms"] = newValue }
  }
  package var byVersion: [WireEvidenceGroup]? {
    get { self[list: "by_version"] }
    set { self[list: "by_version"] = newValue }
  }
  package var byPrincipal: [WireEvidenceGroup]? {
    get { self[list: "by_principal"] }
    set { self[list: "by_principal"] = newValue }
  }
  package var byReplica: [WireEvidenceGroup]? {
    get { self[list: "by_replica"] }
    set { self[list: "by_replica"] = newValue }
  }
  /// Requests of all callers for endpoints that do not exist.
  package var unrouted: Int64? {
    get { self[number: "unrouted"] }
    set { self[number: "unrouted"] = newValue }
  }
  package var unroutedNames: [String]? {
    get { self[texts: "unrouted_names"] }
    set { self[texts: "unrouted_names"] = newValue }
  }
}

/// Requests with the same end.
package struct WireEvidenceOutcome: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "status": .number, "error_code": .text, "kind": .text, "count": .number, "example": .text,
  ]

  package var status: Int64? {
    get { self[number: "status"] }
    set { self[number: "status"] = newValue }
  }
  package var errorCode: String? {
    get { self[text: "error_code"] }
    set { self[text: "error_code"] = newValue }
  }
  /// Why the plane refused them.
  package var kind: String? {
    get { self[text: "kind"] }
    set { self[text: "kind"] = newValue }
  }
  package var count: Int64? {
    get { self[number: "count"] }
    set { self[number: "count"] = newValue }
  }
  /// The message of one of them.
  package var example: String? {
    get { self[text: "example"] }
    set { self[text: "example"] = newValue }
  }
}

/// Half, 95% and 99% of the values are at most these.
package struct WirePercentiles: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["p50": .fraction, "p95": .fraction, "p99": .fraction]

  package var p50: Double? {
    get { self[fraction: "p50"] }
    set { self[fraction: "p50"] = newValue }
  }
  package var p95: Double? {
    get { self[fraction: "p95"] }
    set { self[fraction: "p95"] = newValue }
  }
  package var p99: Double? {
    get { self[fraction: "p99"] }
    set { self[fraction: "p99"] = newValue }
  }
}

/// The requests of one version, caller or replica.
package struct WireEvidenceGroup: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "name": .text, "requests": .number, "failed": .number, "busy_ms": .fraction, "tokens": .number,
    "mean_busy_ms": .fraction,
  ]

  /// Missing if the caller may not know it.
  package var name: String? {
    get { self[text: "name"] }
    set { self[text: "name"] = newValue }
  }
  package var requests: Int64? {
    get { self[number: "requests"] }
    set { self[number: "requests"] = newValue }
  }
  package var failed: Int64? {
    get { self[number: "failed"] }
    set { self[number: "failed"] = newValue }
  }
  /// The sum of the times at replicas.
  package var busy: Double? {
    get { self[fraction: "busy_ms"] }
    set { self[fraction: "busy_ms"] = newValue }
  }
  package var tokens: Int64? {
    get { self[number: "tokens"] }
    set { self[number: "tokens"] = newValue }
  }
  /// The mean time at a replica for each answered request.
  package var meanBusy: Double? {
    get { self[fraction: "mean_busy_ms"] }
    set { self[fraction: "mean_busy_ms"] = newValue }
  }
}

/// What an engine reported about itself in a period.
package struct WireEvidenceEngine: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "replica": .text, "running_mean": .fraction, "running_max": .fraction, "waiting_mean": .fraction,
    "waiting_max": .fraction, "kv_cache_mean": .fraction, "kv_cache_max": .fraction, "preemptions": .fraction,
    "prefix_queries": .fraction, "prefix_hits": .fraction,
  ]

  package var replica: String? {
    get { self[text: "replica"] }
    set { self[text: "replica"] = newValue }
  }
  package var runningMean: Double? {
    get { self[fraction: "running_mean"] }
    set { self[fraction: "running_mean"] = newValue }
  }
  package var runningMost: Double? {
    get { self[fraction: "running_max"] }
    set { self[fraction: "running_max"] = newValue }
  }
  package var waitingMean: Double? {
    get { self[fraction: "waiting_mean"] }
    set { self[fraction: "waiting_mean"] = newValue }
  }
  package var waitingMost: Double? {
    get { self[fraction: "waiting_max"] }
    set { self[fraction: "waiting_max"] = newValue }
  }
  package var cacheMean: Double? {
    get { self[fraction: "kv_cache_mean"] }
    set { self[fraction: "kv_cache_mean"] = newValue }
  }
  package var cacheMost: Double? {
    get { self[fraction: "kv_cache_max"] }
    set { self[fraction: "kv_cache_max"] = newValue }
  }
  package var preemptions: Double? {
    get { self[fraction: "preemptions"] }
    set { self[fraction: "preemptions"] = newValue }
  }
  package var prefixQueries: Double? {
    get { self[fraction: "prefix_queries"] }
    set { self[fraction: "prefix_queries"] = newValue }
  }
  package var prefixHits: Double? {
    get { self[fraction: "prefix_hits"] }
    set { self[fraction: "prefix_hits"] = newValue }
  }
}
