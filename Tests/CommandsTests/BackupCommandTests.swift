import Foundation
import TestKit
import Testing

@Suite struct BackupCommandTests {
  @Test func `a workspace is not backed up, and no file is left`() async throws {
    try await withTemporaryDirectory { (directory) async throws -> Void in
      let run = await CommandRun(["backup", directory + "/a.tar"], workspace: WorkspaceDouble())
      #expect(run.code == 1, "\(run)")
      #expect(run.notes.contains("is not a serving plane") && run.notes.contains("--data"), "\(run)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    }
  }

  @Test func `a directory that is not a plane's is not backed up, and no file is left`() async throws {
    try await withTemporaryDirectory { (directory) async throws -> Void in
      let run = await CommandRun(["backup", directory + "/a.tar", "--data", directory])
      #expect(run.code == 1, "\(run)")
      #expect(run.notes.contains("error: \(directory) is not a plane's data directory"), "\(run)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    }
  }

  @Test func `a file that is not a backup is refused, and nothing is created`() async throws {
    try await withTemporaryDirectory { (directory) async throws -> Void in
      try Data("words".utf8).write(to: URL(filePath: directory + "/a.tar"))
      let run = await CommandRun(["restore", directory + "/a.tar", "--data", directory + "/new"])
      #expect(run.code == 1, "\(run)")
      #expect(run.notes.contains("error: \(directory)/a.tar is not a complete backup"), "\(run)")
      #expect(run.notes.contains("next:  use another backup; nothing was restored"), "\(run)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["a.tar"])
    }
  }

  @Test func `a certificate without its key is a usage error`() async {
    let run = await CommandRun(["serve", "--tls-cert", "/chain.pem"])
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("--tls-cert and --tls-key must be given together"), "\(run)")
  }
}
