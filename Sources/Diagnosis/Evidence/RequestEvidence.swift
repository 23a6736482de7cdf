/// What is known of an endpoint's requests in a period.
package struct RequestEvidence: Hashable, Sendable {
  /// The requests by how they ended.
  package var outcomes: [Outcome] = []
  /// Times in milliseconds: the wait for a replica, and those from the arrival to the first token and to the last byte.
  package var queue: Percentiles?
  package var firstToken: Percentiles?
  package var latency: Percentiles?
  /// The mean time between two tokens of an answer, in milliseconds.
  package var betweenTokens: Percentiles?
  /// Tokens of each request, and of each answer.
  package var tokensIn: Percentiles?
  package var tokensOut: Percentiles?
  /// The requests that waited for an endpoint's first replica, and for how long (milliseconds).
  package var coldStarts = 0
  package var coldStart: Percentiles?
  /// The same requests by model version, by caller and by replica.
  package var byVersion: [RequestGroup] = []
  package var byPrincipal: [RequestGroup] = []
  package var byReplica: [RequestGroup] = []
  /// Requests for endpoints that do not exist, from all callers of the plane; nil if unknown.
  package var unrouted: Int?
  /// The names that they asked for, most frequent first.
  package var unroutedNames: [String] = []

  package init(_ outcomes: [Outcome] = []) { self.outcomes = outcomes }

  /// Requests with the same end.
  package struct Outcome: Hashable, Sendable {
    /// The HTTP status; 499 if the client left.
    package var status: Int
    /// `error_code`; nil for a success.
    package var errorCode: String?
    package var kind: Kind
    /// How many requests ended so.
    package var count: Int
    /// The message of one of them.
    package var example: String?

    package init(
      _ status: Int, _ count: Int, _ kind: Kind = .other, errorCode: String? = nil, example: String? = nil
    ) {
      self.status = status
      self.count = count
      self.kind = kind
      self.errorCode = errorCode
      self.example = example
    }
  }

  /// Why a request was refused by the plane itself, where that matters for a diagnosis.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The queue had its maximum number of requests, or of bytes.
    case queueFull = "queue_full"
    case queueBytes = "queue_bytes"
    /// No replica was free in time.
    case waitedTooLong = "waited_too_long"
    /// No replica was there in time.
    case noReplica = "no_replica"
    case rateLimit = "rate_limit"
    case other
  }

  /// The number of requests.
  package var total: Int { outcomes.reduce(0) { $0 + $1.count } }

  func count(_ isCounted: (Outcome) -> Bool) -> Int { outcomes.reduce(0) { $0 + (isCounted($1) ? $1.count : 0) } }

  /// The fraction of all requests; zero if there was none.
  func share(_ count: Int) -> Double { total == 0 ? 0 : Double(count) / Double(total) }

  func example(_ isMeant: (Outcome) -> Bool) -> String? {
    outcomes.filter(isMeant).max { $0.count < $1.count }?.example
  }
}

/// Half, 95% and 99% of the values are at most these.
package struct Percentiles: Hashable, Sendable {
  package var p50: Double
  package var p95: Double
  package var p99: Double

  package init(_ p50: Double, _ p95: Double, _ p99: Double) {
    self.p50 = p50
    self.p95 = p95
    self.p99 = p99
  }
}

/// The requests of one version, caller or replica.
package struct RequestGroup: Hashable, Sendable {
  /// Nil if it may not be shown.
  package var name: String?
  package var requests: Int
  /// Those with a status of 400 or more.
  package var failed: Int
  /// The sum of the times that its requests were at replicas, in milliseconds.
  package var busy: Double
  /// Tokens of requests and answers.
  package var tokens: Int64
  /// The mean time at a replica for each answered request, in milliseconds.
  package var meanBusy: Double

  package init(
    _ name: String?, requests: Int, failed: Int = 0, busy: Double = 0, tokens: Int64 = 0, meanBusy: Double = 0
  ) {
    self.name = name
    self.requests = requests
    self.failed = failed
    self.busy = busy
    self.tokens = tokens
    self.meanBusy = meanBusy
  }
}

/// What an engine reported about itself in a period.
package struct EngineEvidence: Hashable, Sendable {
  /// The replica's ID.
  package var replica: String
  /// Requests that the engine works on, and requests that wait in it: the mean, and the most at one time.
  package var runningMean: Double?
  package var runningMost: Double?
  package var waitingMean: Double?
  package var waitingMost: Double?
  /// The part of the KV cache in use, from 0 to 1.
  package var cacheMean: Double?
  package var cacheMost: Double?
  /// Requests that lost their part of the KV cache and were computed again.
  package var preemptions: Double?
  /// Tokens that were looked up in the prefix cache, and those that were found.
  package var prefixQueries: Double?
  package var prefixHits: Double?

  package init(replica: String) { self.replica = replica }
}

extension Evidence {
  /// The part of the prompt tokens that was found in the prefix caches; nil if unknown.
  var prefixHitRate: Double? {
    let queries = engines.compactMap(\.prefixQueries).reduce(0, +)
    guard queries > 0 else { return nil }
    return engines.compactMap(\.prefixHits).reduce(0, +) / queries
  }
}
