/// The controller's operations that the listener calls.
package struct ListenerCalls: Sendable {
  /// The result of a probe.
  package struct Probe: Hashable, Sendable {
    package let isHealthy: Bool
    /// The state, for people.
    package let message: String

    package init(isHealthy: Bool, _ message: String) {
      self.isHealthy = isHealthy
      self.message = message
    }
  }

  /// A git host's webhook call, as received.
  package struct WebhookRequest: Sendable {
    /// The header fields in the order received, with names in any case.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]

    package init(fields: [(name: String, value: String)], body: [UInt8]) {
      self.fields = fields
      self.body = body
    }
  }

  package enum WebhookResponse: Hashable, Sendable {
    /// It is authentic; the text says what happens next.
    case accepted(String)
    /// It is authentic, and was already processed.
    case seen(String)
    /// Its authenticity is not proven; the text says why, without revealing what would be accepted. The second text is
    /// for the log, which may contain more.
    case refused(String, String?)
  }

  /// A request that cannot be fulfilled.
  package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
  }

  /// Returns the metrics in the Prometheus text format.
  package var metrics: @Sendable () async -> String
  /// Returns whether the loop makes progress.
  package var health: @Sendable () async -> Probe
  /// Returns whether the controller is working: the source was read, the endpoints were listed, and the lease is held
  /// by this or another controller.
  package var readiness: @Sendable () async -> Probe
  /// Returns the fleet's status as a JSON document.
  package var status: @Sendable () async -> String
  /// Verifies a git host's call, and syncs the source if it is authentic. Nil: no secret is configured.
  package var hook: (@Sendable (WebhookRequest) async -> WebhookResponse)?
  /// Pauses all writes for a reason and returns a message. Throws ``Refusal``, or why it failed.
  package var pause: @Sendable (_ reason: String) async throws -> String
  /// Ends the pause.
  package var resume: @Sendable () async throws -> String
  /// Syncs the source immediately.
  package var sync: @Sendable () async throws -> String

  package init(
    metrics: @escaping @Sendable () async -> String, health: @escaping @Sendable () async -> Probe,
    readiness: @escaping @Sendable () async -> Probe, status: @escaping @Sendable () async -> String,
    hook: (@Sendable (WebhookRequest) async -> WebhookResponse)?,
    pause: @escaping @Sendable (_ reason: String) async throws -> String,
    resume: @escaping @Sendable () async throws -> String, sync: @escaping @Sendable () async throws -> String
  ) {
    self.metrics = metrics
    self.health = health
    self.readiness = readiness
    self.status = status
    self.hook = hook
    self.pause = pause
    self.resume = resume
    self.sync = sync
  }
}
