import CanonicalJSON
import ModelRegistry
import ServingAPI
import TestKit
import Testing

@Suite struct ModelDirectoryClientTests {
  private let workspace = WorkspaceDouble()
  private var directory: ModelDirectoryClient { ModelDirectoryClient(workspace.client) }

  @Test func `registering counts up from 1 and makes the model`() async throws {
    #expect(try await directory.register("chat", source: "/models/v1", entrypoint: "vllm serve .").version == 1)
    #expect(try await directory.register("chat", source: "/models/v2").version == 2)
    #expect(try await directory.models().map(\.fullName) == ["chat"])
  }

  @Test func `a registration whose answer is lost is not sent twice`() async throws {
    workspace.fail("POST", with: .loseAnswer)
    let error = await #expect(throws: ServingError.self) { try await directory.register("chat", source: "/models/v1") }
    #expect(error?.outcomeUnknown == true)
    #expect(workspace.writes.count == 1)
  }

  @Test func `a refused registration brings the server's words`() async throws {
    let error = await #expect(throws: ServingError.self) { try await directory.register("chat", source: "relative") }
    #expect(error?.kind == .invalid)
    #expect(error?.serverMessage == "source: an absolute path is needed")
  }

  @Test func `versions are gathered over empty pages and put in order`() async throws {
    workspace.setModel("chat", versions: [1: .ready, 2: .failedRegistration, 10: .ready])
    let versions = try await directory.versions(of: "chat")
    #expect(versions.map(\.version) == [1, 2, 10])
    #expect(versions.map(\.status) == [.ready, .failedRegistration, .ready])
    #expect(workspace.calls.count == 6)
  }

  @Test func `an alias is set and shown`() async throws {
    workspace.setModel("chat", versions: [1: .ready])
    try await directory.setAlias("champion", of: "chat", to: 1)
    let aliases = try await directory.model("chat").aliases ?? []
    #expect(aliases.map(\.aliasName) == ["champion"])
    #expect(aliases.map(\.versionNum) == [1])
    let error = await #expect(throws: ServingError.self) {
      try await directory.setAlias("champion", of: "chat", to: 5)
    }
    #expect(error?.kind == .notFound)
  }

  @Test func `pages that repeat themselves end`() async throws {
    let network = ScriptedTransport([.json(["model_versions": [], "next_page_token": "again"])])
    await #expect(throws: ServingError.self) {
      try await ModelDirectoryClient(network.client()).versions(of: "chat")
    }
    #expect(network.requests.count == 2)
  }
}
