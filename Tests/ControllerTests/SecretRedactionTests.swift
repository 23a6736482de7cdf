import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// A provider, an engine or a model may repeat an endpoint's environment or any other credential. None of it gets past
/// the provider's boundary: neither into the status nor into events, notifications or the history.
@Suite struct SecretRedactionTests {
  typealias Environment = ControllerEnvironment
  private static let value = "correct horse battery"
  private static let token = "hf_abcDEF0123456789xyz"
  private static let words = "refused: \(value) and \(token)"

  /// How text from outside arrives.
  enum Origin: String, CaseIterable { case deployment, refusal, unavailable, verification, log, look }

  private func harness(_ origin: Origin) async throws -> ControllerHarness {
    var behaviors = WorkspaceBehaviors()
    behaviors.keepsPendingAfterFailure = true
    let environment = try Environment(behaviors: behaviors)
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready])
    let harness = ControllerHarness(environment)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")])
    try await harness.settle()
    var extra = "  environment: {KEY: \"\(Self.value)\"}"
    switch origin {
    case .deployment:
      environment.workspace.setBehavior(.fails(message: Self.words), model: Environment.model, version: "2")
    case .refusal:
      environment.workspace.setBehavior(.refused(message: Self.words), model: Environment.model, version: "2")
    case .unavailable:
      environment.workspace.fail(
        "PUT", path: "/config", times: 50,
        with: .answer(status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: Self.words))
    case .verification:
      environment.workspace.setAnswer(Self.words, model: Environment.model, version: "2")
      extra += "\n  rollout: {verify: [{chat: hi, expect: {contains: Hello}}]}"
    case .log:
      environment.workspace.setBehavior(.fails(polls: 40, message: ""), model: Environment.model, version: "2")
      environment.workspace.setLogs(
        server: "", build: "error: unrecognized arguments: \(Self.words)\n", model: Environment.model, version: "2")
    case .look: break
    }
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2", extra: extra)])
    harness.reportChange()
    try await harness.run(for: .seconds(900))
    if origin == .look {
      environment.workspace.fail(
        "GET", path: "/serving-endpoints/chat", times: 100,
        with: .answer(status: 500, errorCode: "INTERNAL_ERROR", message: Self.words))
      try await harness.run(for: .seconds(900))
    }
    return harness
  }

  @Test(arguments: Origin.allCases)
  func `text from outside is stored and reported without secrets`(origin: Origin) async throws {
    let harness = try await harness(origin)
    let environment = harness.environment
    let key = environment.reconciler().key("chat")
    let status = try #require(await harness.status())
    let memory = try await environment.history.memory(of: key).memory
    let events = try await environment.history.events(of: key, newest: 1000)
    let exits: [(String, String)] = [
      ("status", "\(status)"), ("status as JSON", await harness.controller.fleetStatus.json.text()),
      ("events", events.map { "\($0.what) \($0.why)" }.joined(separator: "\n")),
      ("notices", harness.notifications.all.map { "\($0.what) \($0.why)" }.joined(separator: "\n")),
      ("revisions", memory.revisions.compactMap(\.outcome.message).joined(separator: "\n")),
      ("attempt", "\(String(describing: memory.attempt?.refusal)) \(String(describing: memory.attempt?.verification))"),
      ("setbacks", memory.backoffs.values.map(\.message).joined(separator: "\n")),
    ]
    for (exit, text) in exits {
      #expect(!text.contains(Self.value), "\(exit): \(text)")
      #expect(!text.contains(Self.token), "\(exit): \(text)")
    }
    #expect(exits.contains { $0.1.contains(Redaction.mark) }, "the message itself arrived")
  }
}
