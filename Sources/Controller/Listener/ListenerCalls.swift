/// What the listener asks of the controller.
package struct ListenerCalls: Sendable {
  /// An answer to a probe.
  package struct Probe: Hashable, Sendable {
    package let isWell: Bool
    /// How it stands, for people.
    package let words: String

    package init(isWell: Bool, _ words: String) {
      self.isWell = isWell
      self.words = words
    }
  }

  /// A git host's call, as it came.
  package struct Hook: Sendable {
    /// The header fields in the order they came, names in any case.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]

    package init(fields: [(name: String, value: String)], body: [UInt8]) {
      self.fields = fields
      self.body = body
    }
  }

  package enum HookAnswer: Hashable, Sendable {
    /// It is genuine; the words say what comes of it.
    case accepted(String)
    /// It is genuine, and was acted on before.
    case seen(String)
    /// It is not known to be genuine; the words say why, without telling what would be. The second text is for the log, where
    /// that may know more.
    case refused(String, String?)
  }

  /// Something that was asked for and cannot be done.
  package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
  }

  /// The metrics in the Prometheus text format.
  package var metrics: @Sendable () async -> String
  /// Whether the loop makes progress.
  package var health: @Sendable () async -> Probe
  /// Whether the controller does its work: the source was read and the endpoints were listed, and the lease is held or
  /// another holds it.
  package var readiness: @Sendable () async -> Probe
  /// The fleet's status as a JSON document.
  package var status: @Sendable () async -> String
  /// Checks a git host's call, and has the source read where it is genuine. Nil: no secret was given to check it with.
  package var hook: (@Sendable (Hook) async -> HookAnswer)?
  /// Pauses all writes for a reason, and says so in words. Throws ``Refusal``, or why it could not be done.
  package var pause: @Sendable (_ reason: String) async throws -> String
  /// Ends the pause.
  package var resume: @Sendable () async throws -> String
  /// Has the source read at once.
  package var sync: @Sendable () async throws -> String

  package init(
    metrics: @escaping @Sendable () async -> String, health: @escaping @Sendable () async -> Probe,
    readiness: @escaping @Sendable () async -> Probe, status: @escaping @Sendable () async -> String,
    hook: (@Sendable (Hook) async -> HookAnswer)?, pause: @escaping @Sendable (_ reason: String) async throws -> String,
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
