internal import CanonicalJSON
package import Endpoints

/// A workspace or a plane, accessed over HTTP.
package struct APIProvider: ServingProvider {
  package var target: ProviderTarget { client.target }
  let client: ServingClient
  let caller = CallerIdentity()
  let secrets = EndpointSecrets()

  package init(_ client: ServingClient) { self.client = client }

  package func list() async throws -> [EndpointSummary] {
    let call = APICall("GET", "/api/2.0/serving-endpoints")
    return try await client.object(call, as: WireEndpointList.self).endpoints.map(\.summary).sorted {
      $0.name < $1.name
    }
  }

  package func observe(_ name: String) async throws -> Observed {
    do {
      return .present(try await details(name).observed(as: name))
    } catch let error as ServingError where error.isAbsence {
      return .absent
    }
  }

  package func details(_ name: String) async throws -> WireEndpoint {
    let call = try call("GET", name, "/api/2.0/serving-endpoints/\(name)")
    var endpoint = try await client.object(call, as: WireEndpoint.self)
    // Other JSON with a status of 200 must not pass for an endpoint without a config.
    guard endpoint.name == name else {
      throw ServingError(
        kind: .unexpectedAnswer, status: 200,
        serverMessage: "the response describes \(endpoint.name.map { "endpoint \"\($0)\"" } ?? "no endpoint")",
        call: call.description, advice: "check that \(target.url) is a workspace or a serving plane")
    }
    for config in [endpoint.config, endpoint.pendingConfig].compactMap(\.self) {
      keepSecrets(of: name, in: config.endpointConfig)
      // A variable that no config can hold may have a secret value too.
      secrets.keep(config.entities.flatMap(\.alikeVariables).compactMap(\.value.stringValue), of: name)
    }
    var told = call
    told.secrets = secrets.values(of: name)
    endpoint.members = endpoint.members.mapValues { $0.withWords { client.redact($0, call: told) } }
    return endpoint
  }

  package func keepSecrets(of name: String, in config: EndpointConfig) { secrets.keep(config.secretValues, of: name) }

  package func create(
    _ name: String, config: EndpointConfig, tags: [String: String], creation: CreationSettings,
    gateway: GatewaySettings?, notifications: NotificationSettings?
  ) async throws -> CreateOutcome {
    keepSecrets(of: name, in: config)
    var call = try call("POST", name, "/api/2.0/serving-endpoints")
    var request = WireCreateRequest(name: name, config: try body(config, call: call), tags: WireTag.list(tags))
    request.description = creation.description
    request.budgetPolicy = creation.budgetPolicy
    request.routeOptimized = creation.routeOptimized
    request.gateway = gateway.map(WireGateway.init)
    request.notifications = notifications.map { WireNotifications($0) }
    call.body = request.json
    var tries = 1
    while true {
      do {
        return .created(try await client.object(call, as: WireEndpoint.self).writeResponse)
      } catch let error as ServingError where error.outcomeUnknown || error.isClashAfterRetry {
        // The response was lost: the server may have created the endpoint (serving-api.md Q34).
        if case .present(let endpoint) = try await observeAfter(error, name) { return .alreadyThere(endpoint) }
        guard error.outcomeUnknown, tries < Self.tries else { throw error }
        tries += 1
      }
    }
  }

  package func updateConfig(_ name: String, to config: EndpointConfig) async throws -> WriteResponse {
    keepSecrets(of: name, in: config)
    var call = try call("PUT", name, "/api/2.0/serving-endpoints/\(name)/config")
    call.body = try body(config, call: call).json
    // Sent twice, it would be refused as a conflict with itself.
    call.retries = .whenNotApplied
    do {
      return try await client.object(call, as: WireEndpoint.self).writeResponse
    } catch let error as ServingError where error.outcomeUnknown || error.isClashAfterRetry {
      guard case .present(let endpoint) = try await observeAfter(error, name), let pending = endpoint.pending,
        config.isMet(by: pending.config)
      else { throw error }
      return WriteResponse(id: endpoint.id, announcedVersion: pending.version, lastUpdated: endpoint.lastUpdated)
    }
  }

  package func patchTags(_ name: String, set: [String: String], remove: [String]) async throws {
    guard !set.isEmpty || !remove.isEmpty else { return }
    var call = try call("PATCH", name, "/api/2.0/serving-endpoints/\(name)/tags")
    call.body = WireTagPatch(add: WireTag.list(set), delete: remove.sorted()).json
    _ = try await client.json(call)
  }

  package func delete(_ name: String) async throws {
    do {
      _ = try await client.json(try call("DELETE", name, "/api/2.0/serving-endpoints/\(name)"))
    } catch let error as ServingError where error.isAbsence {
      return
    } catch let error as ServingError where error.outcomeUnknown || error.isServerFailure {
      // It may be gone anyway; a denied permission is a different case (serving-api.md Q73).
      guard try await observeAfter(error, name) == .absent else { throw error }
    }
  }

  package func logs(_ name: String, entity: String) async throws -> String {
    let call = try call("GET", name, "/api/2.0/serving-endpoints/\(name)/served-models/\(entity)/logs")
    return client.redact(try await client.object(call, as: WireLogs.self).logs, call: call)
  }

  package func buildLogs(_ name: String, entity: String) async throws -> String {
    let call = try call("GET", name, "/api/2.0/serving-endpoints/\(name)/served-models/\(entity)/build-logs")
    return client.redact(try await client.object(call, as: WireLogs.self).logs, call: call)
  }

  // MARK: -

  /// How often a create is sent if each response is lost and no endpoint is found afterwards.
  private static let tries = 3

  /// Creates a call for the endpoint of that name or ID, with its secrets removed from responses. An empty name would
  /// make it another call: a list instead of an observation.
  func call(_ method: String, _ name: String, _ path: APIPath) throws -> APICall {
    var call = APICall(method, path)
    call.secrets = secrets.values(of: name)
    guard !name.isEmpty else {
      throw ServingError(kind: .refusedLocally, serverMessage: "the endpoint's name is empty", call: call.description)
    }
    return call
  }

  /// - Throws: `ServingError` for a config that the body cannot express; the server would replace missing values by
  ///   defaults.
  private func body(_ config: EndpointConfig, call: APICall) throws -> WireConfig {
    if let entity = config.entities.first(where: { $0.workloadSize == nil && $0.concurrency == nil }) {
      throw ServingError(
        kind: .refusedLocally,
        serverMessage: "served entity \"\(entity.name)\" has neither a size nor a provisioned concurrency",
        call: call.description,
        advice: "an older version of Setpoint recorded it without its concurrency; apply a manifest that sets it")
    }
    return WireConfig(config)
  }

  /// Observes the endpoint after a write with unknown outcome. If that fails too, the write's own error is thrown.
  private func observeAfter(_ error: ServingError, _ name: String) async throws -> Observed {
    do {
      return try await observe(name)
    } catch is ServingError {
      var unsettled = error
      unsettled.outcomeUnknown = true
      throw unsettled
    }
  }
}

extension ServingError {
  /// Whether a conflict on a retry may be with an earlier attempt of the same call.
  fileprivate var isClashAfterRetry: Bool { kind == .conflict && attempts > 1 }
}

extension WireEndpoint {
  /// The receipt in the response to an accepted write.
  fileprivate var writeResponse: WriteResponse {
    WriteResponse(id: id ?? "", announcedVersion: announcedVersion, lastUpdated: lastUpdatedTimestamp ?? 0)
  }

  /// The summary in an item of the list.
  fileprivate var summary: EndpointSummary {
    let observed = observed(as: "")
    return EndpointSummary(
      name: observed.name, id: observed.id, creator: observed.creator, tags: observed.tags,
      readiness: observed.readiness, update: observed.update, lastUpdated: observed.lastUpdated)
  }
}
