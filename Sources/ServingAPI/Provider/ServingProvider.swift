package import Endpoints

/// A provider of the serving API: a workspace or a plane. Each method is one call, or one call and the observation that
/// determines its outcome; callers wait for updates themselves. Texts are returned without the endpoint's secrets.
///
/// Every method throws `ServingError`, and `CancellationError` if its task is canceled.
package protocol ServingProvider: Sendable {
  var target: ProviderTarget { get }
  /// Lists every endpoint by name, including those of other owners.
  func list() async throws -> [EndpointSummary]
  /// Returns the current state of one endpoint. If it throws, nothing is known; it never means that the endpoint is
  /// absent.
  func observe(_ name: String) async throws -> Observed
  /// Creates an endpoint with every setting that a create accepts. If the response is lost, the endpoint is looked up
  /// before the create counts as failed.
  func create(
    _ name: String, config: EndpointConfig, tags: [String: String], creation: CreationSettings,
    gateway: GatewaySettings?, notifications: NotificationSettings?
  ) async throws -> CreateOutcome
  /// Replaces the whole config by a new one. If the response is lost, the endpoint is observed; if that does not settle
  /// it, the error has `outcomeUnknown` and only later observations can tell.
  func updateConfig(_ name: String, to config: EndpointConfig) async throws -> WriteResponse
  /// Sets and removes tags; other tags are kept.
  func patchTags(_ name: String, set: [String: String], remove: [String]) async throws
  /// Replaces the AI gateway's settings; omitted settings are removed, and empty ones remove everything.
  func putGateway(_ name: String, _ settings: GatewaySettings) async throws
  /// Sets who is notified of updates; empty lists notify nobody.
  func patchNotifications(_ name: String, _ settings: NotificationSettings) async throws
  /// Sets where telemetry is sent; nil removes it. Refused as a conflict while the endpoint is being updated
  /// (serving-api.md Q31).
  func patchTelemetry(_ name: String, _ settings: TelemetrySettings?) async throws
  /// Returns the permissions on the endpoint of that ID. By ID, since the name may belong to another endpoint by now
  /// (serving-api.md Q42).
  func access(id: String) async throws -> ObservedAccess
  /// Adds these grants; other grants are kept.
  func patchAccess(id: String, _ grants: [Grant]) async throws
  /// Replaces everything that was granted on the endpoint itself by these grants.
  func putAccess(id: String, _ grants: [Grant]) async throws
  /// Deletes the endpoint permanently. A missing endpoint is not an error.
  func delete(_ name: String) async throws
  /// Queries the endpoint, or one of its served entities regardless of the traffic split, and waits for the whole
  /// answer. A model's error response is a result; a throw means that there was no response.
  func ask(_ name: String, entity: String?, prompt: String, timeout: Duration) async throws -> ChatAnswer
  /// Queries the endpoint and returns the answer piece by piece as it is generated. An error response is thrown.
  func streamChat(_ name: String, entity: String?, prompt: String) async throws -> ChatStream
  /// Returns the last lines of a served entity's model server.
  func logs(_ name: String, entity: String) async throws -> String
  /// Returns the build log of the served entity's environment; empty for models that need no build.
  func buildLogs(_ name: String, entity: String) async throws -> String
  /// Registers the secrets of a desired config, which the provider does not show: no text of the provider repeats them.
  func keepSecrets(of name: String, in config: EndpointConfig)
  /// Returns everything that the provider reports about the endpoint, including members unknown to this version.
  func details(_ name: String) async throws -> WireEndpoint
}

extension ServingProvider {
  package func keepSecrets(of name: String, in config: EndpointConfig) {}

  /// Creates an endpoint with only a config and tags.
  package func create(
    _ name: String, config: EndpointConfig, tags: [String: String]
  ) async throws -> CreateOutcome {
    try await create(
      name, config: config, tags: tags, creation: CreationSettings(), gateway: nil, notifications: nil)
  }
}

/// The result of observing one endpoint.
package enum Observed: Hashable, Sendable {
  /// The provider reports that the endpoint does not exist.
  case absent
  case present(ObservedEndpoint)
}

/// An endpoint as shown in the list.
package struct EndpointSummary: Hashable, Sendable {
  package let name: String
  package let id: String
  package let creator: String?
  package let tags: [String: String]
  package let readiness: Readiness
  package let update: UpdateState
  /// Milliseconds since 1970; 0 if not reported.
  package let lastUpdated: Int64

  package init(
    name: String, id: String, creator: String? = nil, tags: [String: String] = [:], readiness: Readiness,
    update: UpdateState, lastUpdated: Int64 = 0
  ) {
    self.name = name
    self.id = id
    self.creator = creator
    self.tags = tags
    self.readiness = readiness
    self.update = update
    self.lastUpdated = lastUpdated
  }

  /// Whether the endpoint belongs to Databricks: never adopted, compared or deleted (serving-api.md E2).
  package var isReserved: Bool { name.hasPrefix("databricks-") }
}

/// The provider's response to an accepted write.
package struct WriteResponse: Hashable, Sendable {
  package let id: String
  /// The config version that the write will have once it is active; nil if the response names none.
  package let announcedVersion: Int64?
  /// The endpoint's last-updated time after the write, in milliseconds since 1970 by the provider's clock.
  package let lastUpdated: Int64

  package init(id: String, announcedVersion: Int64?, lastUpdated: Int64) {
    self.id = id
    self.announcedVersion = announcedVersion
    self.lastUpdated = lastUpdated
  }
}

/// The outcome of a create.
package enum CreateOutcome: Hashable, Sendable {
  case created(WriteResponse)
  /// A response was lost, and an endpoint of that name now exists. The caller has to compare it: it may come from this
  /// create, or from another client.
  case alreadyThere(ObservedEndpoint)
}

/// A model's answer.
package struct ChatAnswer: Hashable, Sendable {
  /// The HTTP status.
  package let status: Int
  /// The answer's text, or the server's message for an error status.
  package let text: String
  /// The served entity that answered, if the server names it.
  package let servedEntity: String?
  /// From sending the request to the last byte.
  package let elapsed: Duration

  package init(status: Int, text: String, servedEntity: String?, elapsed: Duration) {
    self.status = status
    self.text = text
    self.servedEntity = servedEntity
    self.elapsed = elapsed
  }

  /// The kind of failure that the status means; nil for an answer.
  package var failure: ServingError.Kind? { ServingError.Kind.of(status: status) }
}
