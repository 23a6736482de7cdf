import CanonicalJSON
import FoundationEssentials
import Glibc
import Scheduling
import Testing

@testable import ServingPlane

/// How the end of a replica is described, which failures are temporary, and what is never repeated from an engine's
/// output.
struct FailureMessageTests {
  @Test(arguments: ["reject_first", "drain_500_first"])
  func `a 5xx on the first token is retried and does not end the rollout`(switch name: String) async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello", switches: .object([name: 3])))
      _ = try await plane.create("chat", [entity("hello", 1)])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY", "\(settled.text())")
    }
  }

  @Test func `the error of a request that kills its engine says how the engine ended`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["die_on": "poison", "die_code": 137]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let answer = try await plane.call(
        "POST", "/serving-endpoints/chat/invocations", ["messages": [["role": "user", "content": "poison"]]])
      #expect(answer.status == 502)
      #expect(
        answer.message.contains(
          "the replica exited while processing the request: "
            + "vLLM exited with code 137 (SIGKILL): it was killed"),
        "\(answer.message)")
      #expect(answer.message.contains("it is not retried"))
      // The next one is answered by the replacement.
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
    }
  }

  @Test func `a Python without vLLM is the machine's fault, and is retried before it is reported`() async throws {
    let data = TestData()
    let python = data.path + "/python"
    try Data("#!/bin/sh\necho start >> '\(data.path)/starts'\necho \"$0: No module named 'vllm'\" >&2\nexit 1\n".utf8)
      .write(to: URL(filePath: python))
    #expect(chmod(python, 0o755) == 0)
    try await withPlane(data, adjust: { $0.python = python }) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1)])
      let failed = try await plane.waitUntilSettled("chat")
      let words = failed.pendingEntity.deploymentMessage
      #expect(words.contains("the plane's machine is at fault: vLLM is not installed for \(python)"), "\(words)")
      #expect(words.contains("--python"))
    }
    let starts = try String(contentsOfFile: data.path + "/starts", encoding: .utf8)
    #expect(starts.split(separator: "\n").count == 2)
  }

  @Test func `an engine's output is reported without its environment values and without credentials`() async throws {
    let data = TestData()
    try FileManager.default.createDirectory(
      atPath: data.settings.secretsPath + "/llm", withIntermediateDirectories: true)
    try Data("staple-of-the-vault\n".utf8).write(to: URL(filePath: data.settings.secretsPath + "/llm/key"))
    try await withPlane(data) { plane in
      let entrypoint =
        TestData.entrypoint + " --no-such 'correct-horse-battery staple-of-the-vault hf_abcDEF0123456789xyz'"
      _ = try await plane.register("hello", try data.model(), entrypoint: entrypoint)
      _ = try await plane.create(
        "chat",
        [entity("hello", 1, environment: ["PLAIN": "correct-horse-battery", "KEY": "{{secrets/llm/key}}"])])
      let failed = try await plane.waitUntilSettled("chat")
      #expect(failed.state["config_update"] == "UPDATE_FAILED")
      let logs = try await plane.call("GET", "/api/2.0/serving-endpoints/chat/served-models/hello-1/build-logs")
      let refused = try await plane.chat("chat")
      let exits = [failed.pendingEntity.deploymentMessage, logs.json["logs"]?.stringValue ?? ""]
      for text in exits { #expect(text.contains("--no-such") && text.contains("[redacted]"), "\(text)") }
      // Callers who may only query see nothing that an engine prints.
      #expect(!refused.message.isEmpty && !refused.message.contains("--no-such"), "\(refused.message)")
      for text in exits + [refused.message] {
        for secret in ["correct-horse-battery", "staple-of-the-vault", "hf_abcDEF0123456789xyz"] {
          #expect(!text.contains(secret), "\(text)")
        }
      }
    }
  }

  @Test func `an engine's error response is passed on without the values of its environment`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1, environment: ["PIN": "12345678901"])])
      _ = try await plane.waitUntilSettled("chat")
      let answer = try await plane.call(
        "POST", "/serving-endpoints/chat/invocations",
        ["messages": [["role": "user", "content": "Hi"]], "max_tokens": -12_345_678_901])
      #expect(answer.status == 400)
      #expect(answer.message == "max_tokens must be at least 1, got -[redacted].", "\(answer.text)")
    }
  }

  @Test func `a missing secret is retried, and an invalid reference is not`() throws {
    let folder = SecretFolder(path: "/nowhere")
    let missing = #expect(throws: SecretError.self) { try folder.resolve(["A": "{{secrets/llm/hf}}"]) }
    #expect(missing?.isMissing == true)
    let malformed = #expect(throws: SecretError.self) { try folder.resolve(["A": "{{secrets/llm}}"]) }
    #expect(malformed?.isMissing == false)
  }

  @Test
  func `the exit status of the plane's own child is available to every caller, any number of times`() async throws {
    let data = TestData()
    let pid = try ProcessSpawn.start(
      executable: "/bin/sh", arguments: ["sh", "-c", "exit 7"], environment: [:], directory: "/",
      output: data.path + "/output")
    let record = ExitRecord()
    // Like two waits for one replica: the first one takes the status from the kernel.
    try await eventually("it ends") { record.collect(pid) != nil }
    #expect(record.collect(pid) == .code(7))
    #expect(ProcessSpawn.collect(pid) == nil, "the kernel reports it once")
  }
}
