/// One request to a query route: a row of `requests`.
package struct RequestRow: Hashable, Sendable {
  /// The ID in the response's `x-request-id` header.
  package var requestID: String
  /// When it arrived, in milliseconds since 1970.
  package var time: Int64
  /// The name of the token that it was sent with; nil if it was refused before that was known.
  package var principal: String?
  /// The requested endpoint; nil if the request was refused before it was known.
  package var endpoint: String?
  /// The served entity and, below, its version and the replica; nil if it was sent to none.
  package var entity: String?
  /// The version in the registry.
  package var modelVersion: String?
  package var replica: String?
  /// `invocations`, `chat/completions`, …
  package var route: String
  /// The HTTP status; 499 if the client left before the end.
  package var status: Int
  /// The code and the message of a failure; nil for a success.
  package var errorCode: String?
  package var error: String?
  /// Why the plane itself refused it, such as `queue_full`; nil for other errors.
  package var refusal: String?
  /// Times in milliseconds. The first is the wait for a replica.
  package var queue: Double
  /// From the arrival to the first data of the response.
  package var timeToFirstToken: Double?
  /// From the arrival to the last byte.
  package var latency: Double
  /// The mean time between two output tokens; nil for fewer than two.
  package var interTokenLatency: Double?
  /// Tokens of the request and of the answer, as the engine counted them; nil if it did not.
  package var tokensIn: Int64?
  package var tokensOut: Int64?
  package var isStream: Bool
  /// `stop`, `length`, …
  package var finishReason: String?
  /// Whether it waited for an endpoint's first replica.
  package var isColdStart: Bool
  /// The number of replicas it was sent to.
  package var attempts: Int
  /// The sizes of the bodies, in bytes.
  package var bytesIn: Int
  package var bytesOut: Int
  /// What the client of a `generate` route notes about the request.
  package var metadata: [String: String]

  package init(requestID: String, time: Int64, route: String, status: Int) {
    self.requestID = requestID
    self.time = time
    self.route = route
    self.status = status
    queue = 0
    latency = 0
    isStream = false
    isColdStart = false
    attempts = 0
    bytesIn = 0
    bytesOut = 0
    metadata = [:]
  }

  /// ``timeToFirstToken`` of a stream. Other responses begin when they are complete, and do not show when their first
  /// token came.
  package var streamedFirstToken: Double? { isStream ? timeToFirstToken : nil }

  /// OpenTelemetry's name for what the route does; the route itself where only the body shows it.
  package var operation: String {
    switch route {
    case "chat/completions": "chat"
    case "completions": "text_completion"
    default: route
    }
  }
}

/// The bodies of a request: a row of `payloads`.
package struct PayloadRow: Hashable, Sendable {
  /// That of the request's row in `requests`.
  package var requestID: String
  /// When the request arrived, in milliseconds since 1970.
  package var time: Int64
  package var endpoint: String
  package var modelVersion: String?
  /// The bodies, each up to 1 MB.
  package var request: String
  package var response: String
  /// Whether only the beginning of one of them was kept.
  package var isTruncated: Bool

  package init(
    requestID: String, time: Int64, endpoint: String, modelVersion: String?, request: String, response: String,
    isTruncated: Bool
  ) {
    self.requestID = requestID
    self.time = time
    self.endpoint = endpoint
    self.modelVersion = modelVersion
    self.request = request
    self.response = response
    self.isTruncated = isTruncated
  }
}
