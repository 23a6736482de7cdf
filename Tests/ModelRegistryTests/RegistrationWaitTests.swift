import ModelRegistry
import ServingAPI
import Synchronization
import TestKit
import Testing

@Suite struct RegistrationWaitTests {
  private typealias Entry = (name: String, event: RegistrationWait.Event)

  private final class EventLog: Sendable {
    private let entries = Mutex<[Entry]>([])
    var all: [Entry] { entries.withLock { $0 } }
    func append(_ name: String, _ event: RegistrationWait.Event) { entries.withLock { $0.append((name, event)) } }
  }

  private let workspace = WorkspaceDouble()
  private let log = EventLog()
  private static let model = "main.support.qwen3"
  private static let words = "main.support.qwen3@next (version 8) is still being registered"

  private init() {
    workspace.setModel(Self.model, versions: [7: .ready, 8: .pendingRegistration], aliases: ["next": 8])
  }

  private func wait(_ limit: Duration = .seconds(3600)) -> RegistrationWait {
    RegistrationWait(limit: limit, timing: workspace.timing.timing) { [log] in log.append($0, $1) }
  }

  @Test func `a version is checked every ten seconds until it is registered`() async throws {
    workspace.setRegistering(Self.model, version: 8, looks: 3)
    let found = try await VersionResolver(workspace.client).resolve(model: Self.model, alias: "next", wait())
    #expect(found == ResolvedVersion("8"))
    #expect(workspace.timing.pauses == [.seconds(10), .seconds(10), .seconds(10)])
    #expect(log.all.map(\.name) == Array(repeating: "main.support.qwen3@next", count: 4))
    #expect(log.all.map(\.event) == [.waits(Self.words), .waits(Self.words), .waits(Self.words), .ended])
  }

  @Test func `a version that is already registered is not mentioned`() async throws {
    _ = try await VersionResolver(workspace.client).resolve(model: Self.model, alias: "latest", wait())
    #expect(log.all.isEmpty && workspace.timing.pauses.isEmpty)
  }

  @Test func `the first version of a model is waited for as its latest`() async throws {
    workspace.setModel(Self.model, versions: [1: .pendingRegistration])
    let workspace = workspace
    let wait = RegistrationWait(limit: .seconds(60), timing: workspace.timing.timing) { name, event in
      if case .waits = event { workspace.setModel(Self.model, versions: [1: .ready]) }
      log.append(name, event)
    }
    let found = try await VersionResolver(workspace.client).resolve(model: Self.model, alias: "latest", wait)
    #expect(found == ResolvedVersion("1"))
    #expect(log.all.map(\.name) == ["latest of main.support.qwen3", "latest of main.support.qwen3"])
  }

  @Test func `on timeout, the error says how long it waited`() async throws {
    let resolver = VersionResolver(workspace.client)
    let wait = wait(.seconds(25))
    let error = await #expect(throws: ModelRegistryError.self) {
      try await resolver.resolve(model: Self.model, alias: "next", wait)
    }
    #expect(error?.kind == .notYetRegistered)
    #expect(error?.message == Self.words + ", after 25s of waiting")
    #expect(workspace.timing.pauses.count == 2)
    // The timeout covers all waits together: nothing of it is left for the next one.
    await #expect(throws: ModelRegistryError.self) {
      try await resolver.resolve(model: Self.model, alias: "next", wait)
    }
    #expect(workspace.timing.pauses.count == 2)
  }

  @Test func `a registration that fails ends the wait`() async throws {
    let workspace = workspace
    let wait = RegistrationWait(limit: .seconds(60), timing: workspace.timing.timing) { _, _ in
      workspace.setModel(Self.model, versions: [8: .failedRegistration], aliases: ["next": 8])
    }
    let error = await #expect(throws: ModelRegistryError.self) {
      try await VersionResolver(workspace.client).resolve(model: Self.model, alias: "next", wait)
    }
    #expect(error?.kind == .notServable)
    #expect(workspace.timing.pauses.count == 1)
  }
}
