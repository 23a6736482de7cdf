package import Endpoints

/// Whatever speaks the serving API: a workspace or a plane. Each method is one call, or one and the look that settles what
/// became of it; waiting for an update's end is the caller's. Words of others come through it without the endpoint's secrets.
///
/// Every method throws `ServingError`, and `CancellationError` where its task is cancelled.
package protocol ServingProvider: Sendable {
  var target: ProviderTarget { get }
  /// Every endpoint, other people's included, by name.
  func list() async throws -> [EndpointSummary]
  /// One endpoint as it is now. A throw means that nothing is known, and never that it is absent.
  func observe(_ name: String) async throws -> Observed
  /// Asks for an endpoint with what can be said of it from the start. Where the answer is lost the endpoint is looked for
  /// before that is called a failure.
  func create(
    _ name: String, config: EndpointConfig, tags: [String: String], creation: CreationSettings,
    gateway: GatewaySettings?, notifications: NotificationSettings?
  ) async throws -> CreateOutcome
  /// Asks for a new config in place of the whole old one. Where the answer is lost the endpoint is looked at; if that
  /// settles nothing, the error says `outcomeUnknown` and only later observations can tell.
  func updateConfig(_ name: String, to config: EndpointConfig) async throws -> WriteReceipt
  /// Sets and removes tags; every other tag stays.
  func patchTags(_ name: String, set: [String: String], remove: [String]) async throws
  /// Replaces the AI gateway's settings by these; what they leave out is gone, and empty ones remove everything.
  func putGateway(_ name: String, _ settings: GatewaySettings) async throws
  /// Sets who is told of updates; empty lists tell nobody.
  func patchNotifications(_ name: String, _ settings: NotificationSettings) async throws
  /// Sets where telemetry goes; nil removes it. Refused as a conflict while the endpoint is being updated
  /// (serving-api.md Q31).
  func patchTelemetry(_ name: String, _ settings: TelemetrySettings?) async throws
  /// Who has which right on the endpoint of that id. By id, since a name may be another endpoint's by now
  /// (serving-api.md Q42).
  func access(id: String) async throws -> ObservedAccess
  /// Grants these rights; whoever else has some keeps them.
  func patchAccess(id: String, _ grants: [Grant]) async throws
  /// Replaces everything that was granted on the endpoint itself by these rights.
  func putAccess(id: String, _ grants: [Grant]) async throws
  /// Deletes the endpoint for good. One that is not there is no error.
  func delete(_ name: String) async throws
  /// Asks the endpoint, or one of its served entities whatever the traffic split, and waits for the whole answer. An
  /// error answer of the model is a result; a throw means that there was none.
  func ask(_ name: String, entity: String?, prompt: String, timeout: Duration) async throws -> ChatAnswer
  /// The same, piece by piece as the model writes. Here an error answer is thrown.
  func streamChat(_ name: String, entity: String?, prompt: String) async throws -> ChatStream
  /// The last lines of a served entity's model server.
  func logs(_ name: String, entity: String) async throws -> String
  /// How the served entity's environment was built; empty for models that need no build.
  func buildLogs(_ name: String, entity: String) async throws -> String
  /// What is wanted of an endpoint may hold secrets that the provider does not show: none of its words repeats them.
  func keepSecrets(of name: String, in config: EndpointConfig)
  /// Everything the provider says of the endpoint, members unknown to this version included.
  func details(_ name: String) async throws -> WireEndpoint
}

extension ServingProvider {
  package func keepSecrets(of name: String, in config: EndpointConfig) {}

  /// Asks for an endpoint with nothing beside config and tags.
  package func create(
    _ name: String, config: EndpointConfig, tags: [String: String]
  ) async throws -> CreateOutcome {
    try await create(
      name, config: config, tags: tags, creation: CreationSettings(), gateway: nil, notifications: nil)
  }
}

/// What a look at one endpoint found.
package enum Observed: Hashable, Sendable {
  /// The provider says that there is no such endpoint.
  case absent
  case present(ObservedEndpoint)
}

/// An endpoint as the list shows it.
package struct EndpointSummary: Hashable, Sendable {
  package let name: String
  package let id: String
  package let creator: String?
  package let tags: [String: String]
  package let readiness: Readiness
  package let update: UpdateState
  /// Milliseconds since 1970, 0 where not reported.
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

  /// Whether the endpoint belongs to Databricks itself: never adopted, compared or deleted (serving-api.md E2).
  package var isReserved: Bool { name.hasPrefix("databricks-") }
}

/// What the provider said to an accepted write.
package struct WriteReceipt: Hashable, Sendable {
  package let id: String
  /// The config version the write will have when it is active; nil where the answer names none.
  package let announcedVersion: Int64?
  /// The endpoint's last-updated time after the write, in milliseconds since 1970 by the provider's clock.
  package let lastUpdated: Int64

  package init(id: String, announcedVersion: Int64?, lastUpdated: Int64) {
    self.id = id
    self.announcedVersion = announcedVersion
    self.lastUpdated = lastUpdated
  }
}

/// What became of a create.
package enum CreateOutcome: Hashable, Sendable {
  case created(WriteReceipt)
  /// An answer was lost on the way, and now an endpoint of that name is there. It is the caller's to compare: it may be
  /// this create's, or a stranger's.
  case alreadyThere(ObservedEndpoint)
}

/// What a model said.
package struct ChatAnswer: Hashable, Sendable {
  /// The HTTP status.
  package let status: Int
  /// The answer's text, or the server's words for an error status.
  package let text: String
  /// The served entity that answered, where the server names it.
  package let servedEntity: String?
  /// From sending to the last byte.
  package let elapsed: Duration

  package init(status: Int, text: String, servedEntity: String?, elapsed: Duration) {
    self.status = status
    self.text = text
    self.servedEntity = servedEntity
    self.elapsed = elapsed
  }
}
