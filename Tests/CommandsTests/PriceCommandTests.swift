import CanonicalJSON
import Commands
import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

/// What `--prices` adds, with a workspace in memory that is declared to be on AWS.
@Suite struct PriceCommandTests {
  private static let prices = """
    kind: Prices
    currency: USD
    pricePerDBU: 0.07
    date: "2026-08-22"
    source: a test
    workloads:
      - {workloadType: CPU, dbuPerHour: 1, per: concurrency}
      - {workloadType: GPU_MEDIUM, cloud: aws, dbuPerHour: 20}
      - {workloadType: GPU_MEDIUM, cloud: gcp, dbuPerHour: 5}
    """
  private static let title = "Cost per hour in USD (approximate, of 2026-08-22: a test):"

  private struct Harness {
    let workspace: WorkspaceDouble
    let directory: String

    func write(_ text: String, to file: String) throws {
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(file)"))
    }

    func run(_ command: String, _ more: String..., prices: Bool = true, cloud: String = "aws") async -> CommandRun {
      let manifests = command == "get" ? [] : ["-f", "\(directory)/chat.yaml"]
      let priced = prices ? ["--prices", "\(directory)/prices.yaml"] : []
      return await CommandRun(
        [command] + manifests + priced + ["--cloud", cloud, "--state", "\(directory)/state"] + more,
        workspace: workspace, timing: workspace.timing)
    }
  }

  private func withBench(_ body: (Harness) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel(
        "main.support.hello", versions: Dictionary(uniqueKeysWithValues: (1...5).map { ($0, .ready) }))
      let harness = Harness(workspace: workspace, directory: directory)
      try harness.write(Self.prices, to: "prices.yaml")
      try await body(harness)
    }
  }

  private func manifest(_ type: String, version: String = "1", size: String = "Small", zero: Bool = false) -> String {
    Manifests.chat(version: version).replacing("workloadType: CPU", with: "workloadType: \(type)")
      .replacing("size: Small", with: "size: \(size)").replacing("scaleToZero: false", with: "scaleToZero: \(zero)")
  }

  @Test func `diff shows the cost before, after, and while both versions run`() async throws {
    try await withBench { harness in
      try harness.write(manifest("A10"), to: "chat.yaml")
      let created = await harness.run("diff")
      #expect(created.code == 1, "\(created)")
      #expect(
        created.lines.suffix(4) == [
          Self.title, "  ENDPOINT       NOW    AFTER   WHILE BOTH RUN", "  support-chat   0.00   1.40",
          "  total          0.00   1.40",
        ], "\(created)")
      #expect(created.output.contains("A10 (GPU_MEDIUM, 1x A10G 24 GB)"), "\(created)")
      #expect(await harness.run("apply").code == 0)

      try harness.write(manifest("A10", version: "2", zero: true), to: "chat.yaml")
      let changed = await harness.run("diff")
      #expect(
        changed.lines.suffix(3) == [
          "  ENDPOINT       NOW    AFTER          WHILE BOTH RUN",
          "  support-chat   1.40   0.00 to 1.40   up to 2.80", "  total          1.40   0.00 to 1.40",
        ], "\(changed)")
      #expect(await harness.run("diff", prices: false).lines.contains { $0.contains("Cost") } == false)
    }
  }

  @Test func `the cloud determines the price, and hardware without a price is named`() async throws {
    try await withBench { harness in
      try harness.write(manifest("GPU_MEDIUM"), to: "chat.yaml")
      #expect(await harness.run("diff", cloud: "gcp").lines.last == "  total          0.00   0.35")
      try harness.write(manifest("GPU_LARGE"), to: "chat.yaml")
      let unknown = await harness.run("diff", cloud: "azure")
      #expect(
        unknown.lines.suffix(3) == [
          "  support-chat   0.00   ?", "  total          0.00   ?", "  support-chat: no price for GPU_LARGE on Azure",
        ], "\(unknown)")
    }
  }

  @Test func `JSON output contains the cost of each change and the total`() async throws {
    try await withBench { harness in
      try harness.write(manifest("A10"), to: "chat.yaml")
      #expect(await harness.run("apply").code == 0)
      try harness.write(manifest("A10", version: "2"), to: "chat.yaml")
      let plan = try JSONValue(parsing: await harness.run("diff", "-o", "json").output)
      let cost = plan["changes"]?.arrayValue?.first?["cost"]
      #expect(cost?["now"] == ["min": 1.4, "max": 1.4])
      #expect(cost?["after"] == ["min": 1.4, "max": 1.4])
      #expect(cost?["whileBothRun"] == ["min": 2.8, "max": 2.8])
      #expect(plan["cost"]?["currency"] == "USD" && plan["cost"]?["approximate"] == true)
      #expect(plan["cost"]?["after"] == ["min": 1.4, "max": 1.4])
      let result = try JSONValue(parsing: await harness.run("apply", "-o", "json").output)
      #expect(result["results"]?.arrayValue?.first?["cost"]?["after"] == ["min": 1.4, "max": 1.4])
    }
  }

  @Test func `get shows the total cost of the live endpoints`() async throws {
    try await withBench { harness in
      try await harness.workspace.serve("one")
      try await harness.workspace.serve("two")
      let listed = await harness.run("get")
      #expect(listed.code == 0, "\(listed)")
      #expect(
        listed.lines.suffix(5) == [
          Self.title, "  ENDPOINT   COST", "  one        0.28", "  two        0.28", "  total      0.56",
        ], "\(listed)")
      let json = try JSONValue(parsing: await harness.run("get", "-o", "json").output)
      #expect(json["cost"]?["total"] == ["min": 0.56, "max": 0.56])
      #expect(json["cost"]?["endpoints"]?["one"] == ["min": 0.28, "max": 0.28])
      let one = try JSONValue(parsing: await harness.run("get", "one", "-o", "json").output)
      #expect(one["name"] == "one" && one["cost"]?["total"] == ["min": 0.28, "max": 0.28])
    }
  }

  @Test func `a price file with errors stops the command before any request is sent`() async throws {
    try await withBench { harness in
      try harness.write(manifest("A10"), to: "chat.yaml")
      try harness.write(Self.prices.replacing("0.07", with: "dear"), to: "prices.yaml")
      let run = await harness.run("diff")
      #expect(run.code == 2)
      #expect(run.notes.contains("prices.yaml:3:14: error: pricePerDBU: "), "\(run)")
      #expect(await harness.run("apply").code == 1)
      #expect(harness.workspace.calls.isEmpty)
      let missing = await CommandRun(
        ["get", "--prices", "\(harness.directory)/none.yaml"], workspace: harness.workspace)
      #expect(missing.code == 1)
      #expect(missing.notes.contains("cannot read the price file"), "\(missing)")
    }
  }
}
