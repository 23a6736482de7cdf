import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit

/// 4.5: how the platform treats LLM endpoints.
extension Quirk {
  static let platform: [Quirk] = [
    .checked(47, "a preview that is off refuses an entrypoint") {
      let harness = try WorkspaceHarness { $0.gatedModels = [Environment.model] }
      try await requireTold("Model entrypoint is not supported for your workspace", harness)
      try requireAdvice("Model entrypoint is not supported for your workspace.")
    },
    .checked(48, "missing enrolment names no alternatives") {
      let harness = try WorkspaceHarness { $0.unavailableWorkloadTypes = ["GPU_MEDIUM"] }
      let words = "Workload type GPU_MEDIUM with size Small is not supported. Supported types: []"
      try await requireTold(words, harness)
      try requireAdvice(words)
    },
    .checked(49, "an H100 may refuse to scale to zero") {
      try require(WorkspaceRule.h100ScaleToZero.severity == .warn, "it is \(WorkspaceRule.h100ScaleToZero.severity)")
    },
    .checked(50, "a custom entrypoint may refuse what looks like autoscaling") {
      let severity = WorkspaceRule.customLLMAutoscaling.severity
      try require(severity == .warn, "it is \(severity)")
    },
    .checked(51, "requests over capacity are refused with 429: a check that meets one is inconclusive") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.setAnswer("over capacity", status: 429, model: Environment.model, version: "2")
      let verified = DesiredEndpoint.chat(
        "2", rollout: RolloutPolicy(deadline: .seconds(600), checks: [VerificationCheck(prompt: "Say hello.")]))
      let result = try await harness.apply(verified, limits: ConvergenceLimits(timeout: .seconds(300)))
      try require(result?.isInSync != true && result?.holdCode != .quarantined, "it was judged")
      harness.workspace.setAnswer("Hello", model: Environment.model, version: "2")
      let later = try await harness.apply(verified)
      try require(later?.isInSync == true, "\(later.map { "\($0.ending)" } ?? "nothing was done")")
    },
    .noConcern(
      52, "a web framework that is too new breaks vLLM's health check", "a matter of the model's own environment"),
    .noConcern(53, "the serving image has no compiler", "depends on the model's own environment and variables"),
    .noConcern(
      54, "uploads over 5 minutes need a newer SDK", "models are uploaded and registered before Setpoint sees them"),
    .checked(55, "endpoints that do not scale to zero are deleted by someone every day") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.foreignDelete("chat")
      try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "recreated")
    },
    .checked(56, "a GPU may be unavailable for long: a slow rollout is waited for and not written to") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.setBehavior(.hangs, model: Environment.model, version: "2")
      _ = try await harness.apply(.chat("2"), limits: ConvergenceLimits(timeout: .seconds(60)))
      harness.forget()
      harness.environment.advance(.seconds(10 * 3600))
      let result = try await harness.apply(.chat("2"), limits: ConvergenceLimits(timeout: .seconds(600)))
      try require(harness.workspace.writes.isEmpty, "\(harness.workspace.writes)")
      guard case .underWay = result?.ending else {
        throw QuirkViolation(description: "\(result.map { "\($0.ending)" } ?? "nothing was done")")
      }
    },
    .checked(57, "a GPU type changes through an update") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      let other = ServedEntity(entityName: Environment.model, entityVersion: "1", workloadType: "GPU_SMALL")
      try await harness.requireInSync(.chat([other]), try await harness.apply(.chat([other])), "another type")
    },
    .noConcern(
      58, "the base image changes under a fixed spec", "the API does not report it, so it cannot be compared"),
    .checked(59, "a failed first deployment leaves an endpoint without a config") {
      for hides in [false, true] {
        let harness = try WorkspaceHarness { $0.hidesFirstFailure = hides }
        _ = try await harness.apply(.chat("3"))
        let id = harness.workspace.endpoint("chat")?.id
        try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "repaired")
        try require(harness.workspace.endpoint("chat")?.id == id, "it was deleted")
      }
    },
    .noConcern(
      60, "some models need the calls for provisioned throughput",
      "custom LLMs are served by compute, not by throughput"),
    .removable(61, "at most 50 creates and updates in five minutes") { handling in
      let harness = try WorkspaceHarness { $0.writeLimit = WriteLimit(5, per: .seconds(10)) }
      let endpoints = (0..<20).map { number in
        DesiredEndpoint(name: "e\(number)", config: EndpointConfig(entities: [.llm("1")]))
      }
      let fleet = DesiredFleet(
        endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: true)
      let budget = SharedWriteBudget(ControllerOptions.WriteBudget(writes: 5, period: .seconds(10))) {
        harness.environment.now - ControllerEnvironment.beginning
      }
      let limits = ConvergenceLimits(
        timeout: .seconds(3600), concurrency: 4, budget: handling == .takenOut ? nil : budget)
      let results = try await harness.apply(fleet, limits: limits)
      try require(results.count == 20 && results.allSatisfy(\.isInSync), "\(results.map(\.ending))")
      try require(harness.count(429) == 0, "\(harness.count(429)) calls were refused")
    },
    .noConcern(
      62, "inference tables get rows late", "the tables are the readers' concern; Setpoint only switches them on"),
    .checked(63, "a server's log is empty after a failed deployment: the build's log is read meanwhile") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.setBehavior(
        .fails(polls: 3, message: "deployment failed"), model: Environment.model, version: "3")
      harness.workspace.setLogs(
        server: "server says\n", build: "no matching distribution for vllm\n", model: Environment.model, version: "3")
      let result = try await harness.apply(.chat("3"))
      let told = "\(result?.evidence.map { "\($0)" } ?? "")"
      try require(told.contains("no matching distribution for vllm"), "the evidence is \(told)")
    },
  ]

  private typealias Environment = ControllerEnvironment

  /// The server's words reach the user who applied, and nothing is sent again.
  private static func requireTold(_ words: String, _ harness: WorkspaceHarness) async throws {
    let result = try await harness.apply(.chat("1"))
    let told = result?.last?.decision.reason.detail ?? ""
    try require(told.contains(words), "reported: \(told)")
    harness.forget()
    _ = try await harness.apply(.chat("1"))
    try require(harness.workspace.writes.isEmpty, "it was sent again")
  }

  private static func requireAdvice(_ words: String) throws {
    try require(KnownMessage.found(in: words)?.advice != nil, "no advice for: \(words)")
  }
}
