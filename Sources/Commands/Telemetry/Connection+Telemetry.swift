internal import ServingAPI

extension Connection {
  /// Makes a call for a plane's telemetry.
  ///
  /// - Parameter name: the endpoint that it is about.
  /// - Throws: ``ErrorReport`` for a workspace, for a plane without telemetry, and for a name that no endpoint has.
  func withTelemetry<Value>(
    of name: String? = nil, _ call: (APIProvider) async throws -> Value
  ) async throws -> Value {
    try await requirePlane(
      why: "this command reads the telemetry of a plane",
      next:
        "select the plane with --host; a workspace's usage is in the system table system.serving.endpoint_usage, and "
        + "its requests, logs and metrics are in the tables that an endpoint's inferenceTable and telemetry name")
    do {
      return try await measured(call)
    } catch let error as ServingError where error.isAbsence {
      guard let name else { throw error }
      throw ErrorReport(
        "endpoint \(name) not found at \(target.url)", place: error.call, why: error.serverMessage,
        next: await LiveEndpoint.next(forMissing: [name], provider))
    }
  }
}

extension Console {
  /// Tells the user which rows of an answer are missing. They are counted for the whole plane.
  func note(_ dropped: [WireTelemetryLoss]) {
    for loss in dropped {
      let rows = loss.rows ?? 0
      let table = loss.table ?? "?"
      let what =
        table == "requests"
        ? "\(rows) \(rows == 1 ? "request" : "requests") of this plane"
        : "\(rows) \(rows == 1 ? "row" : "rows") of \(table)"
      let since = loss.first.map { " since \(TimeText.instant($0))" } ?? ""
      note(
        "\(what)\(since) \(rows == 1 ? "is" : "are") missing: telemetry was dropped (\(loss.cause ?? "unknown cause"))")
    }
  }
}
