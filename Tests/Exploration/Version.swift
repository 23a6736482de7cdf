package import Endpoints
package import Planning

/// A model version of the small world, by its outcome.
package enum Version: String, CaseIterable, Sendable {
  /// Becomes ready and answers correctly.
  case good = "A"
  /// Another one that does.
  case alsoGood = "G"
  /// Never becomes ready, through our fault.
  case broken = "B"
  /// Becomes ready and fails its verification.
  case wrong = "V"
  /// Fails a given number of times through the provider's fault, then becomes ready.
  case unlucky = "T"
  /// Becomes ready, but never with any traffic, through our fault.
  case fragile = "F"
  /// Becomes ready, and answers correctly until it gets traffic.
  case shy = "S"
  /// Never finishes.
  case hanging = "H"
  /// What another client writes; becomes ready.
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

/// The content of the source in the small world.
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

  /// First without traffic, then at a share that is held for longer than a moment and shorter than a tick.
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

/// Time in the small world: it is always now, and every other time is zero, one or two ticks ago. One tick is longer
/// than every short delay (backoff, grace period, repeated verification) and shorter than the deadline and the hour in
/// which reverts are counted; two ticks are longer than both. So a handful of values represent all of time.
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
