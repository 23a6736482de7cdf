package import Endpoints
package import Planning

/// A model version of the small world, by what becomes of it.
package enum Version: String, CaseIterable, Sendable {
  /// Comes up and answers rightly.
  case good = "A"
  /// Another that does.
  case alsoGood = "G"
  /// Never comes up, for a cause of ours.
  case broken = "B"
  /// Comes up and fails its verification.
  case wrong = "V"
  /// Fails for a cause of the provider's a given number of times, then comes up.
  case unlucky = "T"
  /// Comes up, and never with any traffic, for a cause of ours.
  case fragile = "F"
  /// Comes up, and answers rightly until it gets traffic.
  case shy = "S"
  /// Never finishes.
  case hanging = "H"
  /// What a stranger writes; comes up.
  case foreign = "C"

  package var rollout: Rollout { Self.rollouts[self] ?? Rollout(config) }

  private static let rollouts = Dictionary(uniqueKeysWithValues: allCases.map { ($0, Rollout($0.config)) })
  private static let byConfig = Dictionary(uniqueKeysWithValues: allCases.map { ($0.config, $0) })
  private static let byDigest = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rollout.digest, $0) })

  private var config: EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: rawValue)])
  }

  static func of(_ config: EndpointConfig) -> Version? { byConfig[config] }
  static func of(_ entity: ServedEntity) -> Version? { Version(rawValue: entity.entityVersion) }
  static func of(_ digest: ConfigDigest) -> Version? { byDigest[digest] }
}

/// What the source says in the small world.
package struct Manifest: Hashable, Sendable {
  /// Nil: the endpoint is not in the source.
  package let version: Version?
  package let isRetained: Bool
  package let onFailure: FailurePolicy
  package let tag: String?
  package let steps: [RolloutStep]
  package let keepsPrevious: Bool

  package init(
    _ version: Version?, isRetained: Bool = false, onFailure: FailurePolicy = .rollback, tag: String? = nil,
    steps: [RolloutStep] = [], keepsPrevious: Bool = false
  ) {
    self.version = version
    self.isRetained = isRetained
    self.onFailure = onFailure
    self.tag = tag
    self.steps = steps
    self.keepsPrevious = keepsPrevious
  }

  /// Before any traffic, then at a share that is kept for longer than a moment and shorter than a tick.
  package static let steps = [RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .seconds(600))]

  static let check = VerificationCheck(prompt: "Say hello.")

  var desired: Desired {
    guard let version else { return .none }
    return .present(
      DesiredEndpoint(
        name: "e", config: version.rollout.config,
        sideSettings: SideSettings(tags: tag.map { ["team": $0] } ?? [:]),
        rollout: RolloutPolicy(
          deadline: ModelTime.deadline, onFailure: onFailure, checks: [Self.check], steps: steps,
          keepPrevious: keepsPrevious),
        deletionPolicy: isRetained ? .retain : .delete),
      version.rollout)
  }

  var label: String {
    guard let version else { return "nothing" }
    return version.rawValue + (isRetained ? " (retained)" : "") + (onFailure == .hold ? " (onFailure: Hold)" : "")
      + (tag.map { " (tag \($0))" } ?? "") + (steps.isEmpty ? "" : " (in steps)")
      + (keepsPrevious ? " (keeps the previous)" : "")
  }
}

/// Time in the small world: it is always now, and everything else lies no, one or two ticks back. One tick is longer
/// than every short delay (back-off, grace, asking again) and shorter than the deadline and the hour of put-backs; two
/// are longer than both. So a handful of values stand for all of time.
enum ModelTime {
  static let now = Timestamp(milliseconds: 1_000_000_000_000)
  static let tick: Duration = .seconds(35 * 60)
  static let deadline: Duration = .seconds(60 * 60)

  static func aged(_ moment: Timestamp) -> Timestamp {
    max(moment + .zero - tick, now - (tick + tick))
  }
}

extension Timestamp {
  fileprivate static func - (moment: Timestamp, duration: Duration) -> Timestamp {
    moment + (.zero - duration)
  }
}
