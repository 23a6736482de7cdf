import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

// What reaches the replicas of an endpoint, and what the API says of them.
extension APITests {
  @Test func `a secret reaches the replica and nothing else`() async throws {
    let data = TestData()
    try FileManager.default.createDirectory(
      atPath: data.settings.secretsPath + "/llm", withIntermediateDirectories: true)
    try Data("hunter2\n".utf8).write(to: URL(filePath: data.settings.secretsPath + "/llm/key"))
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create(
        "chat", [entity("hello", 1, environment: ["API": "{{secrets/llm/key}}", "PLAIN": "x y"])])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY")
      #expect(settled.activeEntity["environment_vars"]?["API"] == "{{secrets/llm/key}}")
      let pid = try #require(try data.replicaProcesses().first { $0.identity.pid == $0.session }?.identity.pid)
      let environment = try Data(contentsOf: URL(filePath: "/proc/\(pid)/environ")).split(separator: 0)
        .map { String(decoding: $0, as: UTF8.self) }
      #expect(environment.contains("API=hunter2"))
      #expect(environment.contains("PLAIN=x y"))
      let logs = try await plane.call("GET", "/api/2.0/serving-endpoints/chat/served-models/hello-1/logs")
      #expect(logs.json["logs"]?.stringValue?.contains("hunter2") == false)
      #expect(!settled.text().contains("hunter2"))
    }
  }

  @Test func `an adapter that the entrypoint serves can be queried, also after the plane was killed`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      let entrypoint = TestData.entrypoint + " --enable-lora --lora-modules tone=adapters/tone"
      _ = try await plane.register("hello", try data.model(say: "Hello"), entrypoint: entrypoint)
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
    }
    try await withPlane(data) { plane in
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
      for model in ["chat:tone", "tone", "chat:other"] {
        let answer = try await plane.call(
          "POST", "/serving-endpoints/chat/invocations",
          ["model": .string(model), "messages": [["role": "user", "content": "Hi"]]])
        #expect(answer.status == (model == "chat:other" ? 404 : 200), "\(answer.text)")
        if answer.status == 200 { #expect(answer.json["model"] == "chat:tone") }
      }
    }
  }

  @Test func `a missing model folder is reported before anything is started`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let entrypoint = TestData.entrypoint.replacing("--model m", with: "--model qwen3")
      _ = try await plane.register("hello", try data.model(), entrypoint: entrypoint)
      _ = try await plane.register("hello", try data.model(), entrypoint: "no-such-program --model m")
      _ = try await plane.create("chat", [entity("hello", 1)])
      let failed = try await plane.waitUntilSettled("chat")
      #expect(failed.pendingEntity.deploymentMessage.contains("--model qwen3"))
      #expect(failed.pendingEntity.deploymentMessage.contains("contain m"))
      _ = try await plane.put("chat", [entity("hello", 2)])
      let second = try await plane.waitUntilSettled("chat")
      #expect(
        second.pendingEntity.deploymentMessage.contains("\"no-such-program\" does not exist, or is not executable"))
      #expect(!second.pendingEntity.deploymentMessage.contains("the plane's machine is at fault"))
    }
  }
}
