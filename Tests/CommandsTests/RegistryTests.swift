import Commands
import Endpoints
import FoundationEssentials
import LibCurl
import ServingAPI
import TestKit
import Testing

/// Versions that commands look up in the workspace's registry and in an MLflow server's.
@Suite struct RegistryTests {
  private static let model = "main.support.hello"

  /// A workspace, an MLflow server, and a manifest with its state directory.
  private struct Harness {
    let workspace = WorkspaceDouble()
    let mlflow = WorkspaceDouble()
    let directory: String

    init(directory: String) {
      self.directory = directory
      setModel([1: .ready, 2: .ready])
    }

    func setModel(_ versions: [Int64: ModelVersionStatus], aliases: [String: Int64] = [:]) {
      workspace.setModel(RegistryTests.model, versions: versions, aliases: aliases)
    }

    func write(_ version: String) throws {
      try Data(Manifests.chat(version: version).utf8).write(to: URL(filePath: "\(directory)/chat.yaml"))
    }

    func run(_ arguments: String..., environment: [String: String] = [:]) async -> CommandRun {
      let all = arguments.first == "rollback" ? arguments : arguments + ["-f", "\(directory)/chat.yaml"]
      let environment = CommandRun.environment.merging(environment) { $1 }
      return await CommandRun(
        all + ["--state", "\(directory)/state"], environment: environment,
        transport: { [workspace, mlflow] request in
          let isMLflow = request.url.hasPrefix("http://mlflow:5000/")
          return try await (isMLflow ? mlflow : workspace).transport(request)
        }, timing: workspace.timing)
    }

    var live: String? { workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion }
  }

  private func withBench(_ body: (Harness) async throws -> Void) async throws {
    try await withTemporaryDirectory { try await body(Harness(directory: $0)) }
  }

  @Test func `latest is pinned in the plan, and a newer version is reported as a change`() async throws {
    try await withBench { harness in
      try harness.write("latest")
      let planned = await harness.run("diff")
      #expect(planned.code == 1 && planned.output.contains("latest is version 2"), "\(planned)")
      #expect(await harness.run("apply").code == 0)
      #expect(harness.live == "2")
      #expect(await harness.run("diff").code == 0)
      harness.setModel([1: .ready, 2: .ready, 3: .ready])
      let moved = await harness.run("diff")
      #expect(
        moved.output.contains("latest of model \(Self.model) moved from version 2 to 3") && moved.code == 1, "\(moved)")
      #expect(await harness.run("apply").code == 0)
      #expect(harness.live == "3")
    }
  }

  @Test func `a newer version that is still being registered is mentioned and not used`() async throws {
    try await withBench { harness in
      harness.setModel([1: .ready, 2: .pendingRegistration])
      try harness.write("latest")
      let planned = await harness.run("diff")
      #expect(
        planned.output.contains(
          "version 2 is still being registered; latest of \(Self.model) resolves to 1 until then"), "\(planned)")
      #expect(await harness.run("apply").code == 0)
      #expect(harness.live == "1")
    }
  }

  @Test func `diff shows an endpoint whose version is still being registered as blocked, and apply waits for it`()
    async throws
  {
    try await withBench { harness in
      harness.setModel([1: .ready, 2: .pendingRegistration], aliases: ["next": 2])
      try harness.write("@next")
      let words = "\(Self.model)@next (version 2) is still being registered"
      for planned in [await harness.run("diff"), await harness.run("apply", "--dry-run")] {
        #expect(planned.output.contains(words) && planned.output.contains("hold"), "\(planned)")
      }
      #expect(harness.workspace.timing.pauses.isEmpty)

      harness.workspace.setRegistering(Self.model, version: 2, looks: 4)
      let applied = await harness.run("apply")
      #expect(applied.code == 0, "\(applied)")
      #expect(harness.live == "2")
      #expect(applied.notes.contains("\(Self.model)@next: waiting: \(words)\n"), "\(applied)")
      #expect(applied.notes.contains("\(Self.model)@next: registered (40s)\n"), "\(applied)")
    }
  }

  @Test func `apply waits no longer than its timeout and then says what it waited for`() async throws {
    try await withBench { harness in
      harness.setModel([1: .ready, 2: .pendingRegistration], aliases: ["next": 2])
      try harness.write("@next")
      let late = await harness.run("apply", "--timeout", "25s")
      #expect(late.code == 1, "\(late)")
      #expect((late.output + late.notes).contains("still being registered, after 25s of waiting"), "\(late)")
      #expect(harness.workspace.timing.pauses.prefix(2) == [.seconds(10), .seconds(10)])
      let before = harness.workspace.timing.elapsed
      let impatient = await harness.run("apply", "--no-wait")
      #expect(impatient.code == 1, "\(impatient)")
      #expect(harness.workspace.timing.elapsed == before)
      #expect(harness.workspace.writes.isEmpty)
    }
  }

  @Test func `a saved plan deploys its versions and says which alias has moved since`() async throws {
    try await withBench { harness in
      harness.setModel([1: .ready, 2: .ready], aliases: ["champion": 1])
      try harness.write("@champion")
      #expect(await harness.run("diff", "--out", "\(harness.directory)/plan").code == 1)
      harness.setModel([1: .ready, 2: .ready], aliases: ["champion": 2])
      let applied = await harness.run("apply", "--plan", "\(harness.directory)/plan")
      #expect(applied.code == 0, "\(applied)")
      #expect(
        applied.notes.contains(
          "the alias @champion of \(Self.model) is now version 2; the plan is for version 1"), "\(applied)")
      #expect(harness.live == "1")
    }
  }

  // MARK: - MLflow

  private static let proof = ["MLFLOW_TRACKING_TOKEN": "dapi-secret-token"]

  @Test(arguments: ["--registry", "SETPOINT_REGISTRY"])
  func `versions are looked up at the MLflow server that is configured`(place: String) async throws {
    try await withBench { harness in
      harness.mlflow.setModel(Self.model, versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
      try harness.write("@champion")
      let address = "mlflow:http://mlflow:5000"
      let applied =
        place == "--registry"
        ? await harness.run("apply", "--registry", address, environment: Self.proof)
        : await harness.run("apply", environment: Self.proof.merging(["SETPOINT_REGISTRY": address]) { $1 })
      #expect(applied.code == 0, "\(applied)")
      #expect(harness.live == "2")
      let said = place == "--registry" ? place : "environment SETPOINT_REGISTRY"
      #expect(applied.notes.contains("registry: MLflow at http://mlflow:5000 (\(said))"), "\(applied)")
      // The alias first, and before sending, whether its version can be served.
      #expect(
        harness.mlflow.calls.map(\.path) == [
          "/api/2.0/mlflow/registered-models/alias", "/api/2.0/mlflow/model-versions/get",
        ])
      #expect(!harness.workspace.calls.contains { $0.path.contains("unity-catalog") && $0.path.contains("aliases") })
    }
  }

  @Test func `a rollback asks the registry whether the previous version can be served`() async throws {
    try await withBench { harness in
      harness.mlflow.setModel(Self.model, versions: [1: .ready, 2: .ready])
      for version in ["1", "2"] {
        try harness.write(version)
        #expect(await harness.run("apply").code == 0)
      }
      harness.workspace.forgetCalls()
      let back = await harness.run(
        "rollback", "support-chat", "--registry", "mlflow:http://mlflow:5000", environment: Self.proof)
      #expect(back.code == 0, "\(back)")
      #expect(harness.live == "1")
      #expect(harness.mlflow.calls.map(\.path) == ["/api/2.0/mlflow/model-versions/get"])
      #expect(!harness.workspace.calls.contains { $0.path.contains("unity-catalog") })
    }
  }

  @Test func `an unreachable registry blocks the endpoints that need a lookup`() async throws {
    try await withBench { harness in
      harness.mlflow.fail("GET", times: 100, with: .refuseConnection)
      try harness.write("latest")
      let run = await harness.run("diff", "--registry", "mlflow:http://mlflow:5000")
      #expect(run.code == 2, "\(run)")
      #expect((run.output + run.notes).contains("http://mlflow:5000 does not respond"), "\(run)")
    }
  }

  @Test func `an invalid registry is refused before any request is sent`() async throws {
    try await withBench { harness in
      try harness.write("latest")
      let run = await harness.run("apply", "--registry", "http://mlflow:5000")
      #expect(run.code == 64, "\(run)")
      #expect(!run.notes.contains("target:"), "\(run)")
      #expect(run.notes.contains("write workspace, or mlflow:"), "\(run)")
      #expect(harness.workspace.calls.isEmpty)
    }
  }

  @Test func `diff asks the registry and shows an unknown version as the failure that apply would hit`() async throws {
    try await withBench { harness in
      try harness.write("1")
      #expect(await harness.run("apply").code == 0)
      try harness.write("9")
      harness.workspace.forgetCalls()
      let planned = await harness.run("diff")
      #expect(planned.code == 2, "\(planned)")
      #expect(planned.output.contains("! support-chat: hold (blocked)"), "\(planned)")
      #expect(planned.output.contains("main.support.hello has no version 9 (use one of "), "\(planned)")
      #expect(planned.description.split(separator: "has no version 9").count == 2, "printed once: \(planned)")
      #expect(planned.output.contains("use one of 2, 1"), "\(planned)")
      #expect(planned.output.contains("spec.entityVersion  1 → 9"), "the change is shown too")
      let applied = await harness.run("apply", "--no-wait")
      #expect(applied.code == 1 && applied.output.contains("main.support.hello has no version 9"), "\(applied)")
      #expect(harness.workspace.writes.isEmpty)
      #expect(await harness.run("diff", "--rule", "model-ready=warn").code == 1, "unless the rule is overridden")
    }
  }

  @Test func `diff asks the registry about the unknown model of an endpoint to be created`() async throws {
    try await withBench { harness in
      harness.workspace.setModel(Self.model, versions: [:])
      try harness.write("1")
      let planned = await harness.run("diff")
      #expect(planned.code == 2, "\(planned)")
      #expect(planned.output.contains("hold (blocked)") && planned.output.contains("1 held, 0 unchanged"), "\(planned)")
    }
  }

  @Test func `a version that is registered while apply waits is created and reported as created`() async throws {
    try await withBench { harness in
      harness.workspace.setModel(Self.model, versions: [1: .ready])
      harness.workspace.setRegistering(Self.model, version: 1, looks: 3)
      try harness.write("1")
      let run = await harness.run("apply")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("support-chat: created"), "\(run)")
    }
  }
}
