import CanonicalJSON
import Commands
import ServingAPI
import TestKit
import Testing

/// Every command that prints something can print it as JSON, too.
@Suite struct JSONOutputTests {
  private func json(_ run: CommandRun, _ place: SourceLocation = #_sourceLocation) throws -> JSONValue {
    try #require(try? JSONValue(parsing: run.output), "\(run)", sourceLocation: place)
  }

  @Test func `validate reports its findings with their locations`() async throws {
    let good = try json(await CommandRun(["validate", "-f", "-", "-o", "json"], input: Manifests.chat(version: "1")))
    #expect(good["valid"] == true)
    #expect(good["endpoints"] == ["support-chat"])
    let bad = await CommandRun(
      ["validate", "-f", "-", "-o", "json"], input: Manifests.chat(version: "1", more: "  sizee: Small"))
    #expect(bad.code == 1)
    let finding = try #require(try json(bad)["findings"]?.arrayValue?.first)
    #expect(finding["severity"] == "error")
    #expect(finding["line"] == 11)
    #expect(finding["path"] == "spec.sizee")
  }

  @Test func `version is one JSON object`() async throws {
    #expect(try json(await CommandRun(["version", "-o", "json"]))["version"] == .string(SetpointVersion.number))
  }

  @Test func `rollout, rollback, retry, wait, describe, query, logs and delete print JSON`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      func run(_ arguments: String..., input: String = "") async throws -> JSONValue {
        let hasState = !["wait", "query", "logs"].contains(arguments[0])
        let run = await CommandRun(
          arguments + ["-o", "json"] + (hasState ? ["--state", state] : []), input: input, workspace: workspace,
          timing: workspace.timing)
        #expect(run.code == 0, "\(run)")
        return try json(run)
      }
      for version in ["1", "2"] {
        let applied = try await run("apply", "-f", "-", input: Manifests.chat(version: version))
        #expect(applied["succeeded"] == true)
      }
      #expect(try await run("rollback", "support-chat", "--dry-run")["kind"] == "Plan")
      let back = try await run("rollback", "support-chat")
      #expect(back["outcome"] == "rolled back")
      #expect(back["succeeded"] == true)
      let again = try await run("retry", "support-chat")
      #expect(again["kind"] == "EndpointResult")
      #expect(again["endpoint"] == "support-chat")
      let waited = try await run("wait", "support-chat")
      #expect(waited["state"] == "ready")
      let described = try await run("describe", "support-chat")
      #expect(described["endpoint"]?["name"] == "support-chat")
      #expect(described["revisions"]?.arrayValue?.count ?? 0 >= 2)
      let answer = try await run("query", "support-chat", "hi")
      #expect(answer["text"]?.stringValue?.hasPrefix("Hello") == true)
      workspace.setLogs(server: "started\n", build: "", model: "main.support.hello", version: "2")
      let line = try await run("logs", "support-chat")
      #expect(line["line"] == "started")
      #expect(try await run("delete", "support-chat")["deleted"] == ["support-chat"])
    }
  }

  @Test func `a failure is reported in JSON with the next step`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.fails(message: "out of memory"), model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let waited = await CommandRun(["wait", "support-chat", "-o", "json"], workspace: workspace)
    #expect(waited.code == 1)
    let result = try json(waited)
    #expect(result["succeeded"] == false)
    #expect(result["why"]?.stringValue?.contains("out of memory") == true)
    let both = await CommandRun(["query", "support-chat", "hi", "--stream", "-o", "json"], workspace: workspace)
    #expect(both.code == 64)
  }
}
