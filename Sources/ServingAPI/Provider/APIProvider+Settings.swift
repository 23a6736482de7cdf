internal import CanonicalJSON
package import Endpoints
internal import Synchronization

/// The calls for settings outside the config. None of them creates a config version, and each may be retried
/// (serving-api.md 2.3).
extension APIProvider {
  package func putGateway(_ name: String, _ settings: GatewaySettings) async throws {
    var call = try call("PUT", name, "/api/2.0/serving-endpoints/\(name)/ai-gateway")
    call.body = WireGateway(settings).json
    _ = try await client.json(call)
  }

  package func patchNotifications(_ name: String, _ settings: NotificationSettings) async throws {
    var call = try call("PATCH", name, "/api/2.0/serving-endpoints/\(name)/notifications")
    call.body = WireNotificationPatch(WireNotifications(settings)).json
    _ = try await client.json(call)
  }

  package func patchTelemetry(_ name: String, _ settings: TelemetrySettings?) async throws {
    var call = try call("PATCH", name, "/api/2.0/serving-endpoints/\(name)/telemetry-config")
    call.body = WireTelemetryPatch(settings.map { WireTelemetry($0) }).json
    _ = try await client.json(call)
  }

  package func access(id: String) async throws -> ObservedAccess {
    let call = try call("GET", id, "/api/2.0/permissions/serving-endpoints/\(id)")
    let permissions = try await client.object(call, as: WirePermissions.self)
    return ObservedAccess(grants: permissions.grants, caller: try await caller.principal(by: client))
  }

  package func patchAccess(id: String, _ grants: [Grant]) async throws {
    guard !grants.isEmpty else { return }
    var call = try call("PATCH", id, "/api/2.0/permissions/serving-endpoints/\(id)")
    call.body = WirePermissions(grants).json
    _ = try await client.json(call)
  }

  package func putAccess(id: String, _ grants: [Grant]) async throws {
    var call = try call("PUT", id, "/api/2.0/permissions/serving-endpoints/\(id)")
    call.body = WirePermissions(grants).json
    _ = try await client.json(call)
  }
}

/// The token's owner, queried once: needed for the grant that callers must not remove from themselves.
final class CallerIdentity: Sendable {
  private enum State {
    case nothing
    /// The server responded, possibly without naming the owner.
    case answered(Principal?)
  }

  private let state = Mutex(State.nothing)

  /// - Returns: nil if the provider does not say, which is not a failure.
  /// - Throws: only `CancellationError`.
  func principal(by client: ServingClient) async throws -> Principal? {
    if case .answered(let principal) = state.withLock({ $0 }) { return principal }
    do {
      let identity = try await client.object(APICall("GET", "/api/2.0/preview/scim/v2/Me"), as: WireIdentity.self)
      let principal = identity.principal
      state.withLock { $0 = .answered(principal) }
      return principal
    } catch let error as ServingError {
      // A retry gets the same response for these; any other failure may be transient.
      if [.notFound, .permissionDenied, .unimplemented, .invalid].contains(error.kind) {
        state.withLock { $0 = .answered(nil) }
      }
      return nil
    }
  }
}
