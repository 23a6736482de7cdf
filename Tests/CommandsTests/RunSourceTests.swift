import Commands
import Controller
import Endpoints
import FoundationEssentials
import Synchronization
import TestKit
import Testing

/// The source that `run` is given, and what its manifests are checked against.
@Suite struct RunSourceTests {
  @Test(arguments: [["-f", "none"], ["-f", ".", "-f", "none"], ["--git", "none"], ["--git", "file:///none"]])
  func `a source that does not exist is an error at the start`(source: [String]) async throws {
    try await withTemporaryDirectory { directory in
      let arguments = source.map { $0 == "none" ? "\(directory)/none" : $0 }
      let run = await CommandRun(
        ["run", "--fleet", "support", "--state", "\(directory)/state", "--listen", "127.0.0.1:0"] + arguments)
      #expect(run.code == 1, "\(run)")
      #expect(run.notes.contains("error: source not found: ") && run.notes.contains("/none"), "\(run)")
      #expect(run.notes.contains("  next:  check the path; "), "\(run)")
      #expect(!FileManager.default.fileExists(atPath: "\(directory)/state/history.sqlite"))
    }
  }

  @Test func `the provider is asked what it is until it answers, and its last answer stays in effect`() async {
    let answers = Mutex<[Bool?]>([nil, true, nil, false])
    let kind = ProviderKind(ask: { answers.withLock { $0.removeFirst() } })
    var heard: [Bool] = []
    for _ in 0..<4 { heard.append(await kind.isPlane()) }
    #expect(heard == [false, true, true, false])
  }

  @Test func `each read of the source is checked against the rules of that moment`() async throws {
    try await withTemporaryDirectory { directory in
      try Data(Manifests.chat("chat", version: "1").utf8).write(to: URL(filePath: "\(directory)/chat.yaml"))
      let isRefused = Mutex(false)
      let source = ValidatedSource(
        DirectorySource(paths: [directory], warn: { _ in }),
        validation: { _ in
          let refusal = isRefused.withLock { $0 ? "refused now" : nil }
          return { manifest in [refusal].compactMap(\.self).map { Finding(at: manifest.location, $0) } }
        })
      #expect(try await source.read().set.isComplete)
      isRefused.withLock { $0 = true }
      #expect(try await !source.read().set.findings.isEmpty)
    }
  }
}
