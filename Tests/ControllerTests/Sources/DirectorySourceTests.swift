import Controller
import Endpoints
import Foundation
import LibYAML
import Synchronization
import Testing

@Suite struct `A directory as a source` {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func source(_ paths: String...) -> DirectorySource {
    DirectorySource(paths: paths.isEmpty ? [folder.path] : paths.map { folder($0) }, warn: { Issue.record("\($0)") })
  }

  private func names(_ source: DirectorySource) async throws -> [String] {
    try await source.read().set.manifests.map(\.name)
  }

  private func version(_ set: ManifestSet, of name: String) throws -> String? {
    try set.manifests.first { $0.name == name }?.desired().config.entities.first?.entityVersion
  }

  @Test func `an edit parses only the file that was edited`() async throws {
    for number in 100..<300 { try folder.write(manifestText("e\(number)"), "e\(number).yaml") }
    let source = source()
    #expect(try await source.read().set.manifests.count == 200)
    #expect(source.filesParsed == 200)
    _ = try await source.read()
    #expect(source.filesParsed == 200)
    try folder.write(manifestText("e150", version: 8), "e150.yaml")
    let reading = try await source.read()
    #expect(source.filesParsed == 201)
    #expect(try version(reading.set, of: "e150") == "8")
    #expect(reading.set.manifests.count == 200 && reading.set.isComplete && reading.problem == nil)
    #expect(reading.commit == nil)
  }

  @Test func `an edit that leaves size and time unchanged is noticed`() async throws {
    try folder.write(manifestText("a", version: 1), "a.yaml")
    let time = Date(timeIntervalSince1970: 1_700_000_000)
    try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: folder("a.yaml"))
    let source = source()
    #expect(try version(await source.read().set, of: "a") == "1")
    try folder.write(manifestText("a", version: 2), "a.yaml")
    try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: folder("a.yaml"))
    #expect(try version(await source.read().set, of: "a") == "2")
  }

  @Test func `edits in quicker succession than the file system's clock are noticed`() async throws {
    let source = source()
    for step in 0..<300 {
      try folder.write(manifestText("a", version: 100 + step), "a.yaml")
      try #require(try version(await source.read().set, of: "a") == "\(100 + step)")
    }
  }

  @Test func `a file's times are trusted only once a further change would alter them`() throws {
    try folder.write(manifestText("a"), "a.yaml")
    let identity = try #require(FileIdentity(of: folder("a.yaml")))
    let newest = max(identity.modified, identity.changed)
    #expect(!identity.isSettled(at: newest) && !identity.isSettled(at: newest + 2_000_000_000))
    #expect(identity.isSettled(at: newest + 2_000_000_001))
    // The clock was set back.
    #expect(!identity.isSettled(at: newest - 3_000_000_000))
  }

  @Test func `a file that is touched, or moved away and back, is not parsed again`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    let source = source()
    _ = try await source.read()
    try FileManager.default.setAttributes([.modificationDate: Date.distantPast], ofItemAtPath: folder("a.yaml"))
    try folder.move("a.yaml", to: "b.txt")
    try folder.move("b.txt", to: "a.yaml")
    #expect(try await names(source) == ["a"])
    #expect(source.filesParsed == 1)
  }

  @Test func `a deleted file is forgotten, and a name in two files is found until one is gone`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try folder.write(manifestText("b"), "b.yaml")
    let source = source()
    #expect(try await names(source) == ["a", "b"])
    try folder.write(manifestText("a"), "c.yaml")
    let twice = try await source.read().set
    #expect(twice.manifests.map(\.name) == ["b"] && twice.brokenNames == ["a"] && !twice.isComplete)
    try folder.remove("a.yaml")
    let once = try await source.read().set
    #expect(once.manifests.map(\.name) == ["b", "a"] && once.isComplete)
    #expect(source.filesParsed == 3)
  }

  @Test func `the findings of an invalid file stay as long as it is invalid`() async throws {
    try folder.write("kind: [", "a.yaml")
    try folder.write(manifestText("b"), "b.yaml")
    let source = source()
    let first = try await source.read().set
    let again = try await source.read().set
    #expect(first.findings == again.findings && first.findings.count == 1)
    #expect(again.manifests.map(\.name) == ["b"] && !again.isComplete)
    #expect(source.filesParsed == 2)
    try folder.write(manifestText("a"), "a.yaml")
    #expect(try await source.read().set.isComplete)
  }

  @Test(arguments: ["nowhere", "empty", "a.yaml"])
  func `a directory that cannot be read or is empty is incomplete`(path: String) async throws {
    try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: true)
    try folder.write("", "a.yaml")
    let reading = try await source(path).read()
    #expect(reading.set.manifests.isEmpty && !reading.set.isComplete && reading.set.findings.count == 1)
  }

  @Test func `a pipe that is named like a manifest never blocks the read`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try #require(mkfifo(folder("b.yaml"), 0o600) == 0)
    let set = try await source().read().set
    #expect(set.manifests.map(\.name) == ["a"] && !set.isComplete)
    #expect(set.findings.map(\.message) == ["not a regular file"])
  }

  @Test(arguments: ["gone", "team", "/nowhere/at/all"])
  func `manifests behind a link that became a cycle do not count as deleted`(target: String) async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try folder.write(manifestText("c"), "team/c.yaml")
    let source = source()
    #expect(try await source.read().set.isComplete)
    try folder.remove("team")
    try folder.link("team", to: target)
    let set = try await source.read().set
    #expect(set.manifests.map(\.name) == ["a"] && !set.isComplete)
    #expect(set.findings.map(\.location.file) == [folder("team")])
    #expect(set.findings.first?.message.hasPrefix("cannot follow this link: ") == true)
  }

  @Test func `manifests replaced by a pipe or by a folder without manifests do not count as deleted`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try #require(mkfifo(folder("team"), 0o600) == 0)
    try FileManager.default.createDirectory(atPath: folder("b.yaml"), withIntermediateDirectories: true)
    let set = try await source().read().set
    #expect(!set.isComplete)
    #expect(set.findings.map(\.message) == ["a directory without manifests, not a file", "not a regular file"])
  }

  @Test func `manifests in a folder without permission do not count as deleted`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try folder.write(manifestText("c"), "team/deep/c.yaml")
    for mode in [0o000, 0o400] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder("team"))
      defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder("team")) }
      // Root may read everything.
      guard access(folder("team/deep"), R_OK) != 0 else { return }
      let set = try await source().read().set
      #expect(set.manifests.map(\.name) == ["a"] && !set.isComplete, "\(mode)")
    }
  }

  @Test func `manifests that the system cannot read do not count as deleted`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    // Not even root can read the first page of a process.
    try folder.link("c.yaml", to: "/proc/self/mem")
    let set = try await source().read().set
    #expect(set.manifests.map(\.name) == ["a"] && !set.isComplete)
    #expect(set.findings.map(\.location.file) == [folder("c.yaml")])
  }

  @Test func `manifests in a submodule that was not fetched do not count as deleted`() async throws {
    try folder.write(manifestText("a"), "fleet/a.yaml")
    try folder.write("[submodule \"team\"]\n\tpath = fleet/team\n\turl = https://example.com/team\n", ".gitmodules")
    try folder.write("", ".git/HEAD")
    for name in ["team", "other"] {
      try FileManager.default.createDirectory(atPath: folder("fleet/" + name), withIntermediateDirectories: true)
    }
    let set = try await source("fleet").read().set
    #expect(set.findings.map(\.location.file) == [folder("fleet/team")])
    #expect(set.findings.first?.message.contains("submodule") == true && !set.isComplete)
  }

  @Test func `a source that is itself a pipe is refused without blocking`() async throws {
    try #require(mkfifo(folder("a.yaml"), 0o600) == 0)
    let set = try await source("a.yaml").read().set
    #expect(set.findings.map(\.message) == ["not a regular file"] && !set.isComplete)
  }

  @Test
  func `files matched by .setpointignore and --exclude are skipped, and kustomization files with a note`() async throws
  {
    try folder.write(manifestText("a"), "a.yaml")
    for name in ["values.yaml", "charts/x.yaml", "team/values.yaml"] { try folder.write("a: b\n", name) }
    try folder.write("resources: [a.yaml]\n", "kustomization.yaml")
    try folder.write("{\"a\": 1}", "config.json")
    try folder.write("values.yaml\n/charts/\n", ".setpointignore")
    let source = DirectorySource(
      paths: [folder.path], excluding: [IgnorePattern("*.json")].compactMap(\.self), warn: { _ in })
    let set = try await source.read().set
    #expect(set.manifests.map(\.name) == ["a"] && set.isComplete, "\(set.findings)")
    #expect(set.findings.map(\.message) == ["a kustomization file; it is skipped"])
    try folder.remove(".setpointignore")
    #expect(try await !source.read().set.isComplete)
  }

  @Test func `a manifest in a file that is named like kustomize's is read`() async throws {
    try folder.write("kind: Kustomization\n---\n" + manifestText("a"), "kustomization.yaml")
    let set = try await source().read().set
    #expect(set.manifests.map(\.name) == ["a"] && set.isComplete)
  }

  @Test func `thousands of files that are not manifests are one line with a count`() async throws {
    try folder.write(manifestText("good"), "z/good.yaml")
    for number in 0..<4000 { try folder.write("{\"image\": \(number)}", "c\(number).json") }
    let set = try await source().read().set
    #expect(set.manifests.map(\.name) == ["good"] && !set.isComplete)
    #expect(set.findings.count == 1, "\(set.findings.count)")
    #expect(set.findings.first?.message.hasPrefix("4000 files contain no ServingEndpoint: ") == true)
    #expect(set.findings.first?.message.hasSuffix(" and 3997 more") == true)
    #expect(set.findings.first?.suggestion?.contains("--exclude") == true)
  }

  @Test func `standard input is refused because it cannot be read twice`() async throws {
    let set = try await DirectorySource(paths: ["-"], warn: { _ in }).read().set
    #expect(!set.isComplete && set.findings.count == 1)
  }

  /// As the kubelet lays out a ConfigMap: visible links through `..data` into a dated directory.
  private func mountConfigMap(_ date: String, _ versions: [String: Int]) throws {
    for (name, version) in versions {
      try folder.write(manifestText(name, version: version), "..\(date)/\(name).yaml")
      if (try? FileManager.default.destinationOfSymbolicLink(atPath: folder("\(name).yaml"))) != nil { continue }
      try folder.link("\(name).yaml", to: "..data/\(name).yaml")
    }
    try folder.link("..data", to: "..\(date)")
  }

  @Test func `a mounted ConfigMap is read once, and after its swap the new files are parsed`() async throws {
    try mountConfigMap("2026_01_01", ["a": 1, "b": 1])
    let source = source()
    let before = try await source.read().set
    #expect(before.manifests.map(\.name) == ["a", "b"] && before.isComplete)
    #expect(source.filesParsed == 2)
    try mountConfigMap("2026_01_02", ["a": 2, "b": 1])
    try folder.remove("..2026_01_01")
    let after = try await source.read().set
    #expect(try version(after, of: "a") == "2" && version(after, of: "b") == "1")
    #expect(after.isComplete && source.filesParsed == 3)
  }

  @Test func `a file that is being renamed never counts as deleted`() async throws {
    for number in 100..<300 { try folder.write("# nothing\n", "b/e\(number).yaml") }
    try folder.write(manifestText("moving"), "a/m.yaml")
    try folder.write("# nothing\n", "c/e.yaml")
    let source = source()
    let ending = Flag()
    try await withThrowingTaskGroup { group in
      group.addTask { [folder, ending] in
        while !ending.isSet.load(ordering: .relaxed), !Task.isCancelled {
          // Into a directory that is listed late and back into one that was listed early.
          try folder.move("a/m.yaml", to: "c/m.yaml")
          try folder.move("c/m.yaml", to: "a/m.yaml")
          await Task.yield()
        }
      }
      for _ in 0..<25 {
        let set = try await source.read().set
        if set.isComplete { #expect(set.manifests.map(\.name) == ["moving"]) }
      }
      ending.isSet.store(true, ordering: .relaxed)
      try await group.waitForAll()
    }
    let settled = try await source.read().set
    #expect(settled.isComplete && settled.manifests.map(\.name) == ["moving"])
  }

  @Test func `the read stops when its task is canceled`() async throws {
    for number in 0..<300 { try folder.write(manifestText("e\(number)"), "e\(number).yaml") }
    let source = source()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await source.read()
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}

private final class Flag: Sendable {
  let isSet = Atomic(false)
}
