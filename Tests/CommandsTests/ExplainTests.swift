import CanonicalJSON
import Commands
import LibCurl
import ServingAPI
import TestKit
import Testing

/// `setpoint explain`: what a user reads, and the exit code.
@Suite struct ExplainTests {
  private static let failedStart: JSONValue = [
    "name": "support-chat", "ready": false, "window_ms": 900_000,
    "unknown": ["log lines: they need CAN_MANAGE on the endpoint"],
    "update": ["failed": true, "config_version": 1, "entity": "main", "reason": "unsupported dtype"],
    "entities": [
      [
        "name": "main", "entity_name": "main.support.hello", "entity_version": "1", "traffic_percentage": 100,
        "pending": true, "wanted": 1, "ready": 0,
        "failure": [
          "code": "bad-dtype", "explanation": "unsupported dtype: this GPU does not support bfloat16",
          "line": "ValueError: Bfloat16 is only supported on\u{1B}[31m GPUs", "ago_ms": 4000, "count": 1,
        ],
      ]
    ],
  ]

  private static let healthy: JSONValue = [
    "name": "support-chat", "ready": true, "window_ms": 60_000,
    "entities": [
      [
        "name": "main", "entity_name": "main.support.hello", "entity_version": "1", "traffic_percentage": 100,
        "wanted": 1, "ready": 1,
      ]
    ], "requests": ["outcomes": [["status": 200, "count": 12]]],
  ]

  private func explain(
    _ harness: ApplyHarness, _ evidence: ScriptedTransport, isPlane: Bool = true, _ options: String...
  ) async -> CommandRun {
    let document: JSONValue = isPlane ? ["served_by": "setpoint"] : ["workspace_id": "1"]
    let identity = ScriptedTransport([.json(document)])
    return await CommandRun(
      ["explain", "support-chat"] + options,
      transport: { request in
        if request.url.contains("/.well-known/") { return try await identity.transport(request) }
        if request.url.contains("/evidence") { return try await evidence.transport(request) }
        return try await harness.workspace.transport(request)
      }, timing: harness.workspace.timing)
  }

  @Test func `the worst cause is the headline, with what was measured, what it means and what to do`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let plane = ScriptedTransport([.json(Self.failedStart)])
      let run = await explain(harness, plane, isPlane: true, "--since", "5m")
      #expect(run.code == 1, "\(run)")
      #expect(plane.requests.first?.url.hasSuffix("/evidence?window_ms=300000") == true)
      let cause =
        "a replica of main (main.support.hello/1) does not start: unsupported dtype: this GPU does not support "
        + "bfloat16"
      #expect(run.lines.first == "support-chat is not ready: \(cause)", "\(run)")
      #expect(run.lines.contains("1. \(cause) [bad-dtype, failing]"), "\(run)")
      #expect(run.lines.contains { $0.hasPrefix("   measured: the log: ValueError: Bfloat16") }, "\(run)")
      #expect(run.lines.contains("             it failed 4s ago"), "\(run)")
      #expect(run.lines.contains { $0.hasPrefix("   means:    ") } && !run.output.contains("\u{1B}"), "\(run)")
      #expect(run.lines.contains { $0.hasPrefix("   do:       set spec.engine.dtype to float16") }, "\(run)")
      #expect(run.lines.contains { $0.hasPrefix("2. ") && $0.hasSuffix("[update-failed, failing]") }, "\(run)")
      #expect(run.lines.suffix(2) == ["not checked:", "  log lines: they need CAN_MANAGE on the endpoint"], "\(run)")
    }
  }

  @Test func `JSON has the causes in the same order`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let run = await explain(
        harness, ScriptedTransport([.json(Self.failedStart)]), isPlane: true, "-o", "json")
      #expect(run.code == 1, "\(run)")
      let document = try JSONValue(parsing: run.output)
      #expect(document["kind"] == "Diagnosis" && document["healthy"] == false && document["endpoint"] == "support-chat")
      let causes = document["causes"]?.arrayValue ?? []
      #expect(causes.compactMap { $0["code"]?.stringValue } == ["bad-dtype", "update-failed"])
      #expect(causes.first?["severity"] == "failing")
      #expect(causes.first?["measured"]?.arrayValue?.count == 2 && causes.first?["do"]?.arrayValue?.isEmpty == false)
    }
  }

  @Test func `nothing is wrong with a healthy endpoint, and the figures say so`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let run = await explain(harness, ScriptedTransport([.json(Self.healthy)]))
      #expect(run.code == 0, "\(run)")
      #expect(
        run.lines == [
          "nothing is wrong with support-chat",
          "  main (main.support.hello/1): 1 of 1 replica ready, 100% of the traffic",
          "  12 requests in the last 1m, 0 failed",
        ], "\(run)")
    }
  }

  @Test func `of a plane of an earlier version, only the state is judged`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let older = ScriptedTransport([.error(404, "ENDPOINT_NOT_FOUND", "No API found.")])
      let run = await explain(harness, older)
      #expect(run.code == 0 && run.lines.first == "nothing is wrong with support-chat", "\(run)")
      #expect(run.output.contains("this plane is of an earlier version"), "\(run)")
    }
  }

  @Test func `a workspace's failed deployment is explained from its message`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(
        .fails(message: "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 9 GiB"),
        model: "main.support.hello", version: "4")
      try harness.write(Manifests.chat(version: "4"))
      #expect(await harness.apply().code != 0)
      let run = await explain(harness, ScriptedTransport([.json([:])]), isPlane: false, "-o", "json")
      #expect(run.code == 1, "\(run)")
      let document = try JSONValue(parsing: run.output)
      #expect(document["causes"]?.arrayValue?.first?["code"] == "out-of-gpu-memory", "\(run)")
      #expect(document["unknown"]?.arrayValue?.isEmpty == false, "it says what could not be looked at")
    }
  }

  @Test(arguments: [["--since", "0s"], ["--since", "8d"]])
  func `a period beyond a week, or of no time, is a usage error`(options: [String]) async {
    let run = await CommandRun(["explain", "support-chat"] + options)
    #expect(run.code == 64 && run.notes.contains("--since must be between 1s and 7d"), "\(run)")
  }

  @Test func `an endpoint that does not exist is reported with the next command`() async {
    let run = await CommandRun(["explain", "nobody"])
    #expect(run.code == 1 && run.notes.contains("endpoint nobody not found"), "\(run)")
  }
}
