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
/// the provider's boundary: neither into the status nor into events, notices or the history.
@Suite struct SecretWordsTests {
  typealias World = ControllerWorld
  private static let value = "correct horse battery"
  private static let token = "hf_abcDEF0123456789xyz"
  private static let words = "refused: \(value) and \(token)"

  /// How text from outside arrives.
  enum Door: String, CaseIterable { case deployment, refusal, unavailable, verification, log, look }

  private func rig(_ door: Door) async throws -> ControllerRig {
    var habits = WorkspaceHabits()
    habits.keepsPendingAfterFailure = true
    let world = try World(habits: habits)
    world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready])
    let rig = ControllerRig(world)
    rig.source.set(["chat.yaml": TestSource.manifest(version: "1")])
    try await rig.settle()
    var extra = "  environment: {KEY: \"\(Self.value)\"}"
    switch door {
    case .deployment: world.workspace.setFate(.fails(message: Self.words), model: World.model, version: "2")
    case .refusal:
      world.workspace.setFate(.refused(message: Self.words), model: World.model, version: "2")
    case .unavailable:
      world.workspace.fail(
        "PUT", path: "/config", times: 50,
        with: .answer(status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: Self.words))
    case .verification:
      world.workspace.setAnswer(Self.words, model: World.model, version: "2")
      extra += "\n  rollout: {verify: [{chat: hi, expect: {contains: Hello}}]}"
    case .log:
      world.workspace.setFate(.fails(polls: 40, message: ""), model: World.model, version: "2")
      world.workspace.setLogs(
        server: "", build: "error: unrecognized arguments: \(Self.words)\n", model: World.model, version: "2")
    case .look: break
    }
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2", extra: extra)])
    rig.reportChange()
    try await rig.run(for: .seconds(900))
    if door == .look {
      world.workspace.fail(
        "GET", path: "/serving-endpoints/chat", times: 100,
        with: .answer(status: 500, errorCode: "INTERNAL_ERROR", message: Self.words))
      try await rig.run(for: .seconds(900))
    }
    return rig
  }

  @Test(arguments: Door.allCases)
  func `text from outside is stored and reported without secrets`(door: Door) async throws {
    let rig = try await rig(door)
    let world = rig.world
    let key = world.reconciler().key("chat")
    let status = try #require(await rig.status())
    let memory = try await world.history.memory(of: key).memory
    let events = try await world.history.events(of: key, newest: 1000)
    let exits: [(String, String)] = [
      ("status", "\(status)"), ("status as JSON", await rig.controller.fleetStatus.json.text()),
      ("events", events.map { "\($0.what) \($0.why)" }.joined(separator: "\n")),
      ("notices", rig.notifications.all.map { "\($0.what) \($0.why)" }.joined(separator: "\n")),
      ("revisions", memory.revisions.compactMap(\.outcome.message).joined(separator: "\n")),
      ("attempt", "\(String(describing: memory.attempt?.refusal)) \(String(describing: memory.attempt?.verification))"),
      ("setbacks", memory.backoffs.values.map(\.words).joined(separator: "\n")),
    ]
    for (exit, text) in exits {
      #expect(!text.contains(Self.value), "\(exit): \(text)")
      #expect(!text.contains(Self.token), "\(exit): \(text)")
    }
    #expect(exits.contains { $0.1.contains(Redaction.mark) }, "the message itself arrived")
  }
}
