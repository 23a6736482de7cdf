import CanonicalJSON
import LibCurl
import ModelRegistry
import ServingAPI
import TestKit
import Testing

@Suite struct ModelDirectoryClientTests {
  private let workspace = WorkspaceDouble()
  private var directory: ModelDirectoryClient { ModelDirectoryClient(workspace.client) }

  @Test func `registering counts up from 1 and creates the model`() async throws {
    #expect(try await directory.register("chat", source: "/models/v1", entrypoint: "vllm serve .").version == 1)
    #expect(try await directory.register("chat", source: "/models/v2").version == 2)
    #expect(try await directory.models().map(\.fullName) == ["chat"])
  }

  @Test func `a registration whose response is lost is not sent twice`() async throws {
    workspace.fail("POST", with: .loseAnswer)
    let error = await #expect(throws: ServingError.self) { try await directory.register("chat", source: "/models/v1") }
    #expect(error?.outcomeUnknown == true)
    #expect(workspace.writes.count == 1)
  }

  @Test func `a refused registration returns the server's words`() async throws {
    let error = await #expect(throws: ServingError.self) { try await directory.register("chat", source: "relative") }
    #expect(error?.kind == .invalid)
    #expect(error?.serverMessage == "source: an absolute path is needed")
  }

  @Test func `versions are collected over empty pages and sorted`() async throws {
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

  @Test func `a repeated page token ends the list with an error that names it`() async throws {
    let network = ScriptedTransport([.json(["model_versions": [], "next_page_token": "again"])])
    let error = await #expect(throws: ServingError.self) {
      try await ModelDirectoryClient(network.client()).versions(of: "chat")
    }
    #expect(error?.serverMessage == "page 2 has the same next page as an earlier one: \"again\"")
    #expect(network.requests.count == 2)
  }

  /// A network that answers each call with another page.
  private func endless(_ items: String = "", timing: TestTiming = TestTiming(), page: Duration = .zero) -> ServingClient
  {
    let transport: Transport = { request in
      if page > .zero { try await timing.timing.sleep(page) }
      let last = Int(request.url.split(separator: "=").last ?? "") ?? 0
      let body = #"{"model_versions": [\#(items)], "next_page_token": "\#(last + 1)"}"#
      return APIResponse(
        status: 200,
        body: AsyncThrowingStream { stream in
          stream.yield(Array(body.utf8))
          stream.finish()
        })
    }
    return ServingClient(.test, version: "1", transport: transport, timing: timing.timing)
  }

  @Test func `an endless list of pages ends after a thousand`() async throws {
    let error = await #expect(throws: ServingError.self) {
      try await ModelDirectoryClient(endless(#"{"version": 1}"#)).versions(of: "chat")
    }
    #expect(error?.kind == .unexpectedAnswer)
    #expect(error?.serverMessage == "the list has not ended after 1000 pages with 1000 items")
  }

  @Test func `a list of large pages ends at the byte limit`() async throws {
    let comment = String(repeating: "x", count: 30 << 20)
    let error = await #expect(throws: ServingError.self) {
      try await ModelDirectoryClient(endless(#"{"comment": "\#(comment)"}"#)).versions(of: "chat")
    }
    #expect(error?.serverMessage == "the list has not ended after 3 pages with 3 items and more than 64 MB")
  }

  @Test func `a list of slow pages ends at the time limit`() async throws {
    let error = await #expect(throws: ServingError.self) {
      try await ModelDirectoryClient(endless(page: .seconds(50))).versions(of: "chat")
    }
    #expect(error?.serverMessage == "the list has not ended after 7 pages with 0 items and 5m50s")
  }
}
