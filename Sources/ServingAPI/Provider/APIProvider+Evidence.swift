internal import CanonicalJSON

extension APIProvider {
  /// Asks a serving plane what it knows of an endpoint for a diagnosis.
  ///
  /// - Parameter milliseconds: how far back.
  /// - Returns: nil if the plane does not have the call, as earlier versions.
  package func evidence(of name: String, window milliseconds: Int64) async throws -> WireEvidence? {
    var call = try self.call("GET", name, "/api/setpoint/serving-endpoints/\(name)/evidence")
    call.query = [(name: "window_ms", value: String(milliseconds))]
    do {
      return try await client.object(call, as: WireEvidence.self)
    } catch let error as ServingError where error.isMissingCall {
      return nil
    }
  }

  /// Asks for an endpoint's metrics in Prometheus' text format.
  package func exportedMetrics(of name: String) async throws -> String {
    let call = try self.call("GET", name, "/api/2.0/serving-endpoints/\(name)/metrics")
    let response = try await client.response(to: call)
    let body = try await client.body(of: response, call: call)
    guard response.isSuccess else {
      throw client.failure(status: response.status, headers: response.headers, body: body, call: call)
    }
    return client.redact(String(decoding: body, as: UTF8.self), call: call)
  }
}
