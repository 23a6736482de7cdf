import CanonicalJSON
import Commands
import LibCurl
import ServingAPI
import TestKit
import Testing

/// A plan against a serving plane: it asks the plane what will become of the configs before it sends them.
@Suite struct ForecastCommandTests {
  /// What a plane answers about a config; all else is the workspace's.
  private func run(
    _ arguments: [String], _ harness: ApplyHarness, forecast: ScriptedTransport, isPlane: Bool = true
  ) async -> CommandRun {
    let document: JSONValue = isPlane ? ["served_by": "setpoint"] : ["workspace_id": "1"]
    let identity = ScriptedTransport([.json(document)])
    return await CommandRun(
      arguments + ["-f", harness.manifest, "--state", "\(harness.directory)/state"],
      transport: { request in
        if request.url.contains("/.well-known/") { return try await identity.transport(request) }
        if request.url.hasSuffix("/forecast") { return try await forecast.transport(request) }
        return try await harness.workspace.transport(request)
      }, timing: harness.workspace.timing)
  }

  private static let swap =
    "effect: no room for both versions: requests wait about 40s (last start took 38s) while replicas are replaced"
  private static let usual =
    "effect: new replicas start beside the old ones; traffic switches when they are ready"

  @Test func `a plan says before anything is sent that requests will wait`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      harness.workspace.forgetCalls()
      try harness.write(Manifests.chat(version: "2"))
      let forecast = ScriptedTransport([.json(["room": "swap", "last_start_ms": 38_000])])
      let diff = await run(["diff"], harness, forecast: forecast)
      #expect(diff.code == 1 && diff.output.contains(Self.swap), "\(diff)")
      let json = await run(["diff", "-o", "json"], harness, forecast: forecast)
      let rollout = try JSONValue(parsing: json.output)["changes"]?.arrayValue?.first?["rollout"]
      #expect(rollout?["room"] == "swap" && rollout?["expectedWaitSeconds"] == 40, "\(json)")
      let dryRun = await run(["apply", "--dry-run"], harness, forecast: forecast)
      #expect(dryRun.output.contains(Self.swap), "\(dryRun)")
      #expect(harness.workspace.writes.isEmpty)
      let request = forecast.requests.first
      #expect(request?.method == "POST" && request?.url.hasSuffix("/serving-endpoints/support-chat/forecast") == true)
      let body = request?.body.flatMap { try? JSONValue(parsing: $0) }
      #expect(body?["served_entities"]?.arrayValue?.first?["entity_version"] == "2")
      // Nothing is sent, so nothing is asked.
      try harness.write(Manifests.chat(version: "1"))
      let asked = forecast.requests.count
      #expect(await run(["diff"], harness, forecast: forecast).code == 0)
      #expect(forecast.requests.count == asked)
    }
  }

  @Test(arguments: [
    ScriptedTransport.ScriptedResponse.error(404, "ENDPOINT_NOT_FOUND", "No API found."),
    .error(500, "INTERNAL_ERROR", "broken"),
  ])
  func `a plane that gives no forecast causes no line and no error`(answer: ScriptedTransport.ScriptedResponse)
    async throws
  {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "2"))
      let diff = await run(["diff"], harness, forecast: ScriptedTransport([answer]))
      #expect(diff.code == 1 && diff.output.contains(Self.usual), "\(diff)")
      #expect(!diff.notes.contains("error") && !diff.output.contains("requests wait"), "\(diff)")
    }
  }

  @Test func `a plan says no more than the forecast, and marks nothing as rolling that restarts nothing`()
    async throws
  {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "2"))
      for answer: JSONValue in [[:], ["room": "sideways"]] {
        let diff = await run(["diff"], harness, forecast: ScriptedTransport([.json(answer)]))
        #expect(diff.code == 1 && !diff.output.contains("effect:"), "\(diff)")
        #expect(diff.output.contains("[rolling]") && !diff.notes.contains("error"), "\(diff)")
      }
      let kept = await run(["diff"], harness, forecast: ScriptedTransport([.json(["room": "kept"])]))
      #expect(kept.output.contains("effect: no replica is restarted"), "\(kept)")
      #expect(!kept.output.contains("[rolling]"), "\(kept)")
    }
  }

  @Test func `a rollback that the plane would refuse, as to a deleted version, is not sent, and holds nothing`()
    async throws
  {
    try await withApplyBench { harness in
      for version in ["1", "2"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      harness.workspace.forgetCalls()
      let words = "model \"main.support.hello\" has no version 1"
      let forecast = ScriptedTransport([.json(["refusal": .string(words)])])
      let identity = ScriptedTransport([.json(["served_by": "setpoint"])])
      func rollback(_ options: String...) async -> CommandRun {
        await CommandRun(
          ["rollback", "support-chat", "--state", "\(harness.directory)/state"] + options,
          transport: { request in
            if request.url.contains("/.well-known/") { return try await identity.transport(request) }
            if request.url.hasSuffix("/forecast") { return try await forecast.transport(request) }
            return try await harness.workspace.transport(request)
          }, timing: harness.workspace.timing)
      }
      let planned = await rollback("--dry-run")
      #expect(planned.code == 0, "\(planned)")
      #expect(planned.notes.contains("support-chat: preflight: plane-accepts: refused: "), "\(planned)")
      let refused = await rollback()
      #expect(refused.code == 1, "\(refused)")
      #expect(refused.output.contains("nothing was sent: the plane refuses the config: \(words)"), "\(refused)")
      #expect(harness.workspace.writes.isEmpty)
      let forced = await rollback("--no-preflight")
      #expect(forced.code == 0 && !harness.workspace.writes.isEmpty, "\(forced)")
    }
  }

  @Test func `a workspace is not asked`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let forecast = ScriptedTransport([.json(["room": "swap"])])
      #expect(await run(["apply"], harness, forecast: forecast, isPlane: false).code == 0)
      #expect(forecast.requests.isEmpty)
    }
  }

  @Test func `a config that the plane refuses is shown by diff and not sent by apply`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let words = "needs 15.2 GiB for weights; NVIDIA T4 leaves 13.7 GiB"
      let forecast = ScriptedTransport([.json(["refusal": .string(words)])])
      let diff = await run(["diff", "--preflight"], harness, forecast: forecast)
      #expect(diff.output.contains("effect: none: the plane refuses the config: \(words)"), "\(diff)")
      #expect(
        diff.output.contains("preflight: plane-accepts: refused: the plane refuses the config: \(words)"), "\(diff)")
      let applied = await run(["apply"], harness, forecast: forecast)
      #expect(applied.code == 1 && applied.output.contains("nothing was sent"), "\(applied)")
      #expect(harness.workspace.writes.isEmpty)
      let anyway = await run(["apply", "--rule", "plane-accepts=warn"], harness, forecast: forecast)
      #expect(anyway.code == 0 && !harness.workspace.writes.isEmpty, "\(anyway)")
    }
  }
}
