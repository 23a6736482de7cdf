import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// A provider may show nothing about a rollout after it failed; then what was observed before is used.
@Suite struct RolloutEvidenceCollectorTests {
  typealias Environment = ControllerEnvironment

  /// Serves version 1, and lets version 3 fail after a while without a message.
  private func failing(build: String, behaviors: WorkspaceBehaviors = WorkspaceBehaviors()) async throws -> (
    Environment, ConvergenceResult
  ) {
    let environment = try Environment(behaviors: behaviors)
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 3: .ready])
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    environment.workspace.setBehavior(.fails(polls: 40, message: ""), model: Environment.model, version: "3")
    environment.workspace.setLogs(server: "", build: build, model: Environment.model, version: "3")
    let secret = ServedEntity(
      entityName: Environment.model, entityVersion: "3", environment: ["HF_TOKEN": "hf_very_secret_token"])
    let broken = DesiredEndpoint(name: "chat", config: EndpointConfig(entities: [secret]))
    let result = try #require(try await environment.apply(Environment.fleet(broken)).first)
    return (environment, result)
  }

  private static let build =
    "step 1\nvllm serve: error: unrecognized arguments: --tensor hf_very_secret_token\nstep 3\n"

  @Test func `a failure without a reason from the provider gets the reason that its log shows`() async throws {
    let (environment, result) = try await failing(build: Self.build)
    #expect(result.holdCode == .quarantined)
    let memory = try await environment.history.memory(of: environment.reconciler().key("chat"), values: []).memory
    let message = try #require(memory.revisions.last?.outcome.message)
    #expect(message.contains("an invalid flag"), "\(message)")
    #expect(message.contains("unrecognized arguments: --tensor"))
  }

  @Test func `the last log lines are kept as events and reported at the end, without secrets`() async throws {
    let (environment, result) = try await failing(build: Self.build)
    let tails = try #require(result.evidence?.tails)
    #expect(tails.map(\.title) == ["qwen3-3, build log"])
    let events = try await environment.history.events(of: environment.reconciler().key("chat")).filter(\.isLogTail)
    #expect(events.map(\.what) == ["last lines of qwen3-3, build log"])
    #expect(events.first?.why.hasPrefix("step 1\n") == true)
    let everything = tails.flatMap(\.lines).joined() + events.map(\.why).joined()
    #expect(everything.contains("[redacted]"))
    #expect(!everything.contains("hf_very_secret_token"))
  }

  @Test func `the log of a serving entity is not evidence against a new one of the same name`() async throws {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready])
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    environment.workspace.setBehavior(.fails(polls: 40, message: ""), model: Environment.model, version: "1")
    environment.workspace.setLogs(
      server: "GET /health 200 OK\n", build: Self.build, model: Environment.model, version: "1")
    let changed = ServedEntity(
      entityName: Environment.model, entityVersion: "1", environment: ["VLLM_LOGGING_LEVEL": "DEBUG"])
    let broken = DesiredEndpoint(name: "chat", config: EndpointConfig(entities: [changed]))
    let result = try #require(try await environment.apply(Environment.fleet(broken)).first)
    #expect(result.holdCode == .quarantined)
    #expect(result.evidence?.tails.map(\.title) == ["qwen3-1, build log"])
  }

  @Test func `a line that is truncated inside a secret shows no part of it`() async throws {
    let (_, result) = try await failing(build: String(repeating: "x", count: 490) + "hf_very_secret_token\n")
    let lines = try #require(result.evidence?.tails).flatMap(\.lines)
    #expect(lines == [String(repeating: "x", count: 490) + "[redacted]"])
  }

  @Test func `a message about an entity that is still deploying is not the reason for its failure`() async throws {
    let (environment, _) = try await failing(build: "")
    let memory = try await environment.history.memory(of: environment.reconciler().key("chat"), values: []).memory
    #expect(memory.revisions.last?.outcome.message == "the provider gave no reason")
  }

  @Test func `logs are read periodically during the wait, and once after a failure`() async throws {
    let (environment, _) = try await failing(build: Self.build)
    let readings = environment.workspace.calls.filter { $0.path.hasSuffix("/build-logs") }.count
    let looks = environment.workspace.calls.filter { $0.method == "GET" && $0.path.hasSuffix("/chat") }.count
    #expect(readings >= 2)
    #expect(readings * 3 < looks, "\(readings) readings in \(looks) looks")
  }
}
