import CanonicalJSON
import FoundationEssentials
import GRDB
import ServingAPI
import TestKit
import Testing

/// What commands show of the state directory while the provider cannot be asked.
@Suite struct RecordedStateTests {
  @Test(
    arguments: [
      (["history", "support-chat"], 0), (["describe", "support-chat"], 1),
      (["history", "support-chat", "--host", "localhost:7399"], 0),
      (["describe", "support-chat", "--host", "localhost:7399"], 1),
    ] as [([String], Int32)])
  func `the revisions of a plane that was stopped normally are shown`(command: [String], code: Int32) async throws {
    try await withTemporaryDirectory { directory in
      let workspace = Self.workspace
      let (url, data) = ("http://127.0.0.1:7399", "\(directory)/data")
      let applied = await CommandRun(
        ["apply", "-f", "-", "--state", "\(directory)/state"],
        environment: ["DATABRICKS_HOST": url, "DATABRICKS_TOKEN": "dapi-secret-token"],
        input: Manifests.chat(version: "1"), workspace: workspace, timing: workspace.timing)
      #expect(applied.code == 0, "\(applied)")
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
      try Data("the-token\n".utf8).write(to: URL(filePath: "\(data)/token"))
      let environment = ["XDG_RUNTIME_DIR": directory, "HOME": directory]
      let runtime = LocalPlane.runtimeDirectory(environment: environment)
      let plane = LocalPlane(url: url, tokenFile: "\(data)/token", processID: 1, dataDirectory: data)
      try plane.announce(in: runtime)
      try plane.withdrawStopped(from: runtime)
      let run = await CommandRun(command + ["-o", "json", "--state", "\(directory)/state"], environment: environment)
      #expect(run.code == code, "\(run)")
      #expect(try JSONValue(parsing: run.output)["revisions"]?.arrayValue?.count == 1, "\(run)")
      #expect(run.notes.contains("running"), "\(run)")
    }
  }

  @Test func `describe reports the outage even if the records cannot be read`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = Self.workspace
      let applied = await CommandRun(
        ["apply", "-f", "-", "--state", directory], input: Manifests.chat(version: "1"), workspace: workspace,
        timing: workspace.timing)
      #expect(applied.code == 0, "\(applied)")
      try Self.damage("\(directory)/history.sqlite")
      workspace.setPlan { _, _ in .refuseConnection }
      let run = await CommandRun(
        ["describe", "support-chat", "--state", directory], workspace: workspace, timing: workspace.timing)
      #expect(run.code == 1 && run.output.isEmpty, "\(run)")
      #expect(run.notes.contains("error: the provider cannot be reached"), "\(run)")
    }
  }

  private static var workspace: WorkspaceDouble {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    return workspace
  }

  /// Overwrites the pages of a database that mention the endpoint. The database can still be opened.
  private static func damage(_ path: String) throws {
    // The newest pages may still be in the log beside it.
    try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for start in stride(from: 4096, to: bytes.count, by: 4096) {
      let page = start..<min(start + 4096, bytes.count)
      guard String(decoding: bytes[page], as: UTF8.self).contains("support-chat") else { continue }
      bytes.replaceSubrange(page, with: [UInt8](repeating: 0xFF, count: page.count))
    }
    try Data(bytes).write(to: URL(filePath: path))
  }
}
