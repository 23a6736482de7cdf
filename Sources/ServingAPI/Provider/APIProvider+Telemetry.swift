internal import CanonicalJSON
internal import LibCurl

/// The calls for the telemetry of a serving plane. A workspace does not have them.
extension APIProvider {
  /// Runs a statement that reads telemetry.
  ///
  /// - Parameters:
  ///   - limit: the maximum number of rows.
  ///   - timeout: after this time, the plane stops the statement.
  package func sql(_ statement: String, limit: Int64, timeout: Duration) async throws -> WireSQLResult {
    var call = APICall("POST", "/api/setpoint/sql")
    let (seconds, attoseconds) = timeout.components
    call.body =
      WireSQLRequest(
        statement: statement, limit: limit, timeoutSeconds: Double(seconds) + Double(attoseconds) / 1e18
      ).json
    // It only reads.
    call.retries = .repeatable
    call.timeouts = Self.timeouts(of: timeout)
    return try await client.object(call, as: WireSQLResult.self)
  }

  /// Lists requests to an endpoint.
  ///
  /// - Parameters:
  ///   - since: in milliseconds since 1970; nil: all that are kept.
  ///   - order: `newest`, `slowest` or `failed` (those that failed, the newest first).
  ///   - id: only the request with this ID.
  ///   - principal: only the requests of this principal.
  package func recordedRequests(
    of name: String, since: Int64? = nil, order: String? = nil, id: String? = nil, principal: String? = nil,
    limit: Int64? = nil
  ) async throws -> WireRecordedRequestList {
    var call = try call("GET", name, "/api/setpoint/serving-endpoints/\(name)/requests")
    call.query = Self.query([
      ("since_ms", since.map { String($0) }), ("order", order), ("id", id), ("principal", principal),
      ("limit", limit.map { String($0) }),
    ])
    return try await client.object(call, as: WireRecordedRequestList.self)
  }

  /// Sums up requests.
  ///
  /// - Parameters:
  ///   - by: what to sum up for: `principal`, `endpoint` or `version`.
  ///   - since: in milliseconds since 1970; nil: all that are kept.
  ///   - endpoint: only the requests to this endpoint.
  ///   - timeout: after this time, in whole seconds, the plane stops reading them.
  package func usage(
    by: String, since: Int64? = nil, endpoint: String? = nil, timeout: Duration
  ) async throws -> WireUsage {
    var call = APICall("GET", "/api/setpoint/usage")
    call.query = Self.query([
      ("by", by), ("since_ms", since.map { String($0) }), ("endpoint", endpoint),
      ("timeout_seconds", String(timeout.components.seconds)),
    ])
    call.timeouts = Self.timeouts(of: timeout)
    return try await client.object(call, as: WireUsage.self)
  }

  /// The plane may first wait for other queries.
  private static func timeouts(of query: Duration) -> HTTPTimeouts {
    let patience = query + .seconds(60)
    return HTTPTimeouts(connect: .seconds(10), idle: patience, total: patience + .seconds(60))
  }

  private static func query(_ parts: [(name: String, value: String?)]) -> [(name: String, value: String)] {
    parts.compactMap { part in part.value.map { (name: part.name, value: $0) } }
  }
}
