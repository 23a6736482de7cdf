import CanonicalJSON
import LibCrypto

/// How updates are rolled out and verified.
package struct RolloutPolicy: Hashable, Sendable {
  /// How long an update may take before it is overdue; nil for the default of the workload's class, see
  /// ``deadline(for:)``.
  package let deadline: Duration?
  package let onFailure: FailurePolicy
  /// The checks that the new version must pass before it is considered good, in order.
  package let checks: [VerificationCheck]
  /// The shares of the traffic that a new model version gets before it gets all of it, strictly increasing; empty for
  /// all of it at once. Steps are not part of the served config or its digest.
  package let steps: [RolloutStep]
  /// Whether the replaced version stays deployed without traffic, so that a rollback needs no new compute.
  package let keepPrevious: Bool

  package init(
    deadline: Duration? = nil, onFailure: FailurePolicy = .rollback, checks: [VerificationCheck] = [],
    steps: [RolloutStep] = [], keepPrevious: Bool = false
  ) {
    self.deadline = deadline
    self.onFailure = onFailure
    self.checks = checks
    self.steps = steps
    self.keepPrevious = keepPrevious
  }

  /// Returns the deadline in force: the manifest's, else the platform's for the slowest workload class in the config
  /// (CPU 30, small and medium GPU 60, large GPU 120 minutes: serving-api.md 2.5).
  package func deadline(for config: EndpointConfig) -> Duration {
    deadline ?? config.entities.map { Self.platformDeadline(workloadType: $0.workloadType) }.max() ?? .seconds(30 * 60)
  }

  private static func platformDeadline(workloadType: String) -> Duration {
    switch workloadType {
    case "CPU", "CPU_MEDIUM", "CPU_LARGE": .seconds(30 * 60)
    case "GPU_SMALL", "GPU_MEDIUM": .seconds(60 * 60)
    default: .seconds(120 * 60)
    }
  }

  /// SHA-256 of the checks' canonical JSON: a config held because of a failed verification is verified again when the
  /// checks change.
  package var checksDigest: ConfigDigest {
    ConfigDigest(SHA256.hash(JSONValue.array(checks.map(\.canonicalJSON)).bytes()))
  }
}

/// One step of a rollout: the new version has this share of the traffic, the previous one the rest.
package struct RolloutStep: Hashable, Sendable {
  /// The new version's share in percent, 0 to 99. At 0 it is verified before it gets any traffic.
  package let traffic: Int
  /// How long it stays at this share after it has passed its verification (the manifest's `for`).
  package let hold: Duration

  package init(traffic: Int, hold: Duration = .zero) {
    self.traffic = traffic
    self.hold = hold
  }
}

/// What happens after an update fails through our fault.
package enum FailurePolicy: String, Hashable, Sendable, CaseIterable {
  /// Roll back to the last good revision.
  case rollback = "Rollback"
  /// Change nothing and wait for a user.
  case hold = "Hold"
}

/// One question to the new version, and the expected answer.
package struct VerificationCheck: Hashable, Sendable {
  /// The user message sent to the served entity.
  package let prompt: String
  package let expectedStatus: Int
  /// The text that the answer must contain; empty if any answer passes.
  package let contains: String
  package let withinSeconds: Double

  package init(prompt: String, expectedStatus: Int = 200, contains: String = "", withinSeconds: Double = 30) {
    self.prompt = prompt
    self.expectedStatus = expectedStatus
    self.contains = contains
    self.withinSeconds = withinSeconds
  }

  var canonicalJSON: JSONValue {
    [
      "chat": .string(prompt), "status": .int(Int64(expectedStatus)), "contains": .string(contains),
      "withinSeconds": .double(withinSeconds),
    ]
  }
}
