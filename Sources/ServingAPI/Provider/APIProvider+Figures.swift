/// What a serving plane has measured and recorded. A workspace does not have these calls.
extension APIProvider {
  /// The figures of an endpoint over time.
  ///
  /// - Parameters:
  ///   - since: milliseconds since 1970, as `until`.
  ///   - stepSeconds: the time between two points; nil for the 120th part.
  package func figures(
    of name: String, since: Int64, until: Int64, stepSeconds: Int64? = nil
  ) async throws -> WireFigures {
    var call = try self.call("GET", name, "/api/setpoint/serving-endpoints/\(name)/figures")
    call.query = [("since_ms", String(since)), ("until_ms", String(until))]
    if let stepSeconds { call.query.append(("step_seconds", String(stepSeconds))) }
    return try await client.object(call, as: WireFigures.self)
  }

  /// The load of all endpoints that the caller may view.
  package func endpointLoads() async throws -> [WireEndpointLoad] {
    try await client.object(APICall("GET", "/api/setpoint/top"), as: WireEndpointLoadList.self).endpoints
  }

  /// A page of the recorded output of an endpoint's replicas.
  ///
  /// - Parameters:
  ///   - since: milliseconds since 1970.
  ///   - after: the `next` of the page before; nil for the first one.
  ///   - replica: the beginning of the ID of a replica; nil for all.
  ///   - previous: whether to return the output of the version before the current one.
  package func recordedLines(
    of name: String, since: Int64, after: Int64?, replica: String?, previous: Bool
  ) async throws -> WireRecordedLines {
    var call = try self.call("GET", name, "/api/setpoint/serving-endpoints/\(name)/logs")
    call.query = [("since_ms", String(since)), ("limit", "2000")]
    if let after { call.query.append(("after", String(after))) }
    if let replica { call.query.append(("replica", replica)) }
    if previous { call.query.append(("previous", "true")) }
    return try await client.object(call, as: WireRecordedLines.self)
  }
}
