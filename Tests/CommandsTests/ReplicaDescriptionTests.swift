import CanonicalJSON
import Commands
import LibCurl
import ServingAPI
import TestKit
import Testing

/// What `describe` shows of the replicas of a serving plane.
@Suite struct ReplicaDescriptionTests {
  private static let replicas: JSONValue = [
    "replicas": [
      [
        "id": "a1", "phase": "ready", "since": 39_000, "entity_name": "main.support.hello", "entity_version": "1",
        "start": [
          ["phase": "starting", "since": 1_000, "duration_ms": 4_400],
          ["phase": "loading weights", "since": 5_400, "duration_ms": 25_400],
          ["phase": "warming", "since": 30_800, "duration_ms": 8_200],
        ],
      ],
      [
        "id": "b2", "phase": "loading weights", "since": 45_000, "entity_name": "main.support.hello",
        "entity_version": "1",
        "start": [
          ["phase": "starting", "since": 41_000, "duration_ms": 4_000],
          ["phase": "loading weights", "since": 45_000],
        ],
      ],
      ["id": "c3", "phase": "failed", "since": 40_000, "entity_name": "main.support.hello", "entity_version": "1"],
    ]
  ]
  private static let events: JSONValue = [
    "events": [["at": 39_000, "replica": "a1", "phase": "ready", "message": "replica a1 is ready after 38s"]]
  ]

  private func describe(
    _ harness: ApplyHarness, replicas: ScriptedTransport, isPlane: Bool = true, _ options: String...
  ) async -> CommandRun {
    let document: JSONValue = isPlane ? ["served_by": "setpoint"] : ["workspace_id": "1"]
    let identity = ScriptedTransport([.json(document)])
    let events = ScriptedTransport([.json(Self.events)])
    return await CommandRun(
      ["describe", "support-chat", "--state", "\(harness.directory)/state"] + options,
      transport: { request in
        if request.url.contains("/.well-known/") { return try await identity.transport(request) }
        if request.url.hasSuffix("/replicas") { return try await replicas.transport(request) }
        if request.url.hasSuffix("/events") { return try await events.transport(request) }
        return try await harness.workspace.transport(request)
      }, timing: harness.workspace.timing)
  }

  @Test func `describe shows each replica of a plane with its phase and the times of its start`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let run = await describe(harness, replicas: ScriptedTransport([.json(Self.replicas)]))
      #expect(run.code == 0 && run.lines.contains("Replicas"), "\(run)")
      let ready = run.lines.first { $0.hasPrefix("  a1 ") } ?? ""
      #expect(ready.contains("main.support.hello/1") && ready.contains("1970-01-01T00:00:39Z"), "\(run)")
      #expect(ready.hasSuffix("38s: starting 5s, loading weights 25s, warming 8s"), "\(run)")
      let loading = run.lines.first { $0.hasPrefix("  b2 ") } ?? ""
      #expect(loading.contains("loading weights   1970-01-01T00:00:45Z") && loading.hasSuffix(" starting 4s"), "\(run)")
      #expect(!run.lines.contains { $0.hasPrefix("  c3 ") }, "one that has ended is only among the events")
      #expect(run.lines.contains { $0.contains("1970-01-01T00:00:39Z   replica a1 is ready after 38s") }, "\(run)")
      let json = await describe(harness, replicas: ScriptedTransport([.json(Self.replicas)]), "-o", "json")
      let document = try JSONValue(parsing: json.output)
      #expect(document["replicas"] == Self.replicas["replicas"], "\(json)")
      #expect(document["events"]?.arrayValue?.first?["what"] == "replica a1 is ready after 38s", "\(json)")
    }
  }

  @Test func `a plane that does not show its replicas, and a workspace, cause no section and no error`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let older = ScriptedTransport([.error(404, "ENDPOINT_NOT_FOUND", "No API found.")])
      let run = await describe(harness, replicas: older)
      #expect(run.code == 0 && !run.lines.contains("Replicas") && older.requests.count == 1, "\(run)")
      let workspace = ScriptedTransport([.json(Self.replicas)])
      let other = await describe(harness, replicas: workspace, isPlane: false, "-o", "json")
      #expect(other.code == 0 && workspace.requests.isEmpty, "\(other)")
      #expect(try JSONValue(parsing: other.output)["replicas"]?.arrayValue == nil, "\(other)")
    }
  }
}
