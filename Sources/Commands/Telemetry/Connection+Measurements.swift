internal import ServingAPI

extension Connection {
  /// Asks a plane for what it has measured, and explains why a plane cannot answer.
  func measured<Value>(_ call: (APIProvider) async throws -> Value) async throws -> Value {
    do {
      return try await call(provider)
    } catch let error as ServingError where error.isUnknownPath {
      throw ErrorReport(
        "the plane at \(target.url) does not have this call", place: error.call,
        why: "it is an earlier version of Setpoint", next: "replace it with this version: \"setpoint serve --takeover\""
      )
    } catch let error as ServingError where error.kind == .unimplemented {
      throw ErrorReport(
        "the plane at \(target.url) records no telemetry", place: error.call, why: error.serverMessage,
        next: "restart it without --no-telemetry: \"setpoint serve --takeover\"")
    }
  }
}
