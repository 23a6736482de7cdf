import Controller
import Endpoints
import Foundation
import LibYAML
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A git repository as a source` {
  private let fixture: GitFixture

  init() async throws { fixture = try await GitFixture() }

  private static let manifests: [String: String?] = [
    "fleet/a.yaml": manifestText("a"), "fleet/deep/b.yaml": manifestText("b"), "other/c.yaml": manifestText("c"),
    "README.md": "# Fleet",
  ]

  @Test func `the manifests at a path of the newest commit are read`() async throws {
    let commit = try await fixture.commit(Self.manifests)
    let reading = try await fixture.source().read()
    #expect(reading.names == ["a", "b"] && reading.set.isComplete)
    #expect(reading.commit == commit && reading.problem == nil)
    #expect(reading.set.manifests.map(\.location.file) == ["fleet/a.yaml", "fleet/deep/b.yaml"])
    #expect(try await fixture.source(path: ".").read().names == ["a", "b", "c"])
    #expect(try await fixture.source(path: "./fleet/deep/b.yaml").read().names == ["b"])
  }

  @Test func `new commits are followed, only their changes are parsed, and nothing is checked out`() async throws {
    try await fixture.commit(Self.manifests)
    let source = try fixture.source()
    _ = try await source.read()
    _ = try await source.read()
    #expect(source.filesParsed == 2)
    let second = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 8)])
    let reading = try await source.read()
    #expect(try reading.version(of: "a") == "8" && reading.commit == second)
    #expect(source.filesParsed == 3)
    let third = try await fixture.commit(["fleet/a.yaml": nil, "fleet/broken.yaml": "kind: ["])
    let broken = try await source.read()
    #expect(broken.names == ["b"] && !broken.set.isComplete && broken.commit == third && broken.problem == nil)
    #expect(broken.set.findings.first?.location.file == "fleet/broken.yaml")
    #expect(try !fixture.kept().contains { $0.hasSuffix(".yaml") || $0.hasSuffix("index") })
  }

  @Test func `a repository on this machine has to exist at the start, unless an earlier commit was kept`() async throws
  {
    try await fixture.commit(Self.manifests)
    try await fixture.source().requireExisting()
    let nowhere = try fixture.source("file://" + fixture.folder("none"))
    await #expect(throws: GitSourceError.self) { try await nowhere.requireExisting() }
    try await fixture.source("https://git.invalid/fleet.git").requireExisting()
    _ = try await fixture.source().read()
    try FileManager.default.moveItem(atPath: fixture.folder("work"), toPath: fixture.folder("moved"))
    try await fixture.source().requireExisting()
  }

  @Test func `a source names its repository and what it reads in it`() throws {
    let start = "git repository \(fixture.address), branch or tag \"main\""
    #expect(try fixture.source(path: ".").description == start)
    #expect(try fixture.source(path: "fleet/").description == "\(start), path fleet")
  }

  @Test func `one commit is fetched, not the history`() async throws {
    try await fixture.commit(Self.manifests)
    let old = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 8)])
    try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 9)])
    _ = try await fixture.source().read()
    let repository = try #require(try fixture.kept().first { $0.hasSuffix("/repository") })
    await #expect(throws: GitFixtureError.self) {
      try await fixture.git("cat-file", "-e", old, in: "state/" + repository)
    }
  }

  @Test func `branches, tags of both kinds, HEAD, full references and single commits are followed`() async throws {
    let first = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 1)])
    try await fixture.git("tag", "light")
    try await fixture.git("tag", "--annotate", "heavy", "-m", "release")
    try await fixture.git("branch", "release/1.x")
    let second = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 2)])
    let cases = [
      ("main", second), ("light", first), ("heavy", first), ("release/1.x", first), ("HEAD", second),
      ("refs/heads/main", second), ("refs/tags/heavy", first), (first, first), (first.uppercased(), first),
    ]
    for (ref, commit) in cases {
      let reading = try await fixture.source(ref: ref).read()
      #expect(reading.commit == commit && reading.problem == nil, "\(ref): \(reading.problem ?? "")")
    }
  }

  @Test func `a branch that is rewritten is followed`() async throws {
    let first = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 1)])
    let source = try fixture.source()
    #expect(try await source.read().commit == first)
    try await fixture.git("checkout", "--quiet", "--orphan", "again")
    let second = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 2)])
    try await fixture.git("branch", "--force", "main", "again")
    let reading = try await source.read()
    #expect(reading.commit == second && reading.problem == nil)
    #expect(try reading.version(of: "a") == "2")
  }

  @Test
  func `the last good commit stays in use while the repository is unreachable, with git's own words`() async throws {
    let first = try await fixture.commit(Self.manifests)
    let source = try fixture.source()
    _ = try await source.read()
    try fixture.folder.move("work", to: "away")
    let reading = try await source.read()
    #expect(reading.names == ["a", "b"] && reading.set.isComplete && reading.commit == first)
    let problem = try #require(reading.problem)
    #expect(problem.contains("cannot fetch branch or tag \"main\" of \(fixture.address)"))
    #expect(problem.contains("does not appear to be a git repository") && problem.contains("\(first) stays in effect"))
    // A controller that starts during the outage has the commit of an earlier one.
    let later = try await fixture.source().read()
    #expect(later.names == ["a", "b"] && later.set.isComplete && later.commit == first && later.problem == problem)
    try fixture.folder.move("away", to: "work")
    #expect(try await source.read().problem == nil)
  }

  @Test func `the source is incomplete until there is a commit to read`() async throws {
    let reading = try await fixture.source("file:///nowhere/fleet.git").read()
    #expect(reading.names.isEmpty && !reading.set.isComplete && reading.commit == nil)
    #expect(reading.problem?.contains("/nowhere/fleet.git") == true)
    #expect(reading.set.findings.map(\.location.file) == ["file:///nowhere/fleet.git"])
    // The same for a repository without a commit.
    let empty = try await fixture.source().read()
    #expect(!empty.set.isComplete && empty.problem?.contains("branch or tag \"main\" not found") == true)
  }

  @Test func `the last good commit stays in use when the branch, the path or every manifest is gone`() async throws {
    let first = try await fixture.commit(Self.manifests)
    let source = try fixture.source()
    _ = try await source.read()
    try await fixture.git("branch", "--move", "main", "trunk")
    let gone = try await source.read()
    #expect(gone.commit == first && gone.names == ["a", "b"] && gone.set.isComplete)
    #expect(gone.problem?.contains("branch or tag \"main\" not found") == true)
    try await fixture.git("branch", "--move", "trunk", "main")
    let moved = try await fixture.commit(["fleet/a.yaml": nil, "fleet/deep/b.yaml": nil])
    let away = try await source.read()
    #expect(away.commit == first && away.names == ["a", "b"])
    #expect(
      away.problem?.contains("commit \(moved)") == true
        && away.problem?.contains("\"fleet\" not found in this commit") == true)
    try await fixture.commit(["fleet/README.md": "moved"])
    let empty = try await source.read()
    #expect(empty.commit == first && empty.names == ["a", "b"])
    #expect(empty.problem?.contains("fleet: no .yaml, .yml or .json file in this directory") == true)
    let back = try await fixture.commit(["fleet/a.yaml": manifestText("a")])
    let good = try await source.read()
    #expect(good.commit == back && good.names == ["a"] && good.problem == nil)
  }

  @Test func `a store that is damaged or whose fetch was interrupted is recreated`() async throws {
    try await fixture.commit(Self.manifests)
    _ = try await fixture.source().read()
    let second = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 8)])
    let repository = try "state/" + #require(try fixture.kept().first { $0.hasSuffix("/repository") })
    try fixture.folder.write("", repository + "/shallow.lock")
    let unlocked = try await fixture.source().read()
    #expect(unlocked.commit == second && unlocked.problem == nil)
    let third = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 9)])
    try fixture.folder.remove(repository + "/objects")
    let repaired = try await fixture.source().read()
    #expect(repaired.commit == third && repaired.problem == nil)
    // An interrupted creation of the store is not an obstacle either.
    try fixture.folder.remove(repository)
    try fixture.folder.write("rubbish", repository + "/HEAD")
    try fixture.folder.write("rubbish", repository + ".new/HEAD")
    #expect(try await fixture.source().read().problem == nil)
  }

  @Test func `links that lead out of the repository are refused, and links within it are followed`() async throws {
    try fixture.folder.write(manifestText("secret"), "secret.yaml")
    try fixture.folder.write(manifestText("outside"), "outside/o.yaml")
    try fixture.folder.write(manifestText("a"), "work/fleet/shared/a.yaml")
    try fixture.folder.link("work/fleet/b.yaml", to: "shared/a.yaml")
    try fixture.folder.link("work/fleet/absolute.yaml", to: fixture.folder("secret.yaml"))
    try fixture.folder.link("work/fleet/relative.yaml", to: "../../../../../../secret.yaml")
    try fixture.folder.link("work/fleet/directory", to: fixture.folder("outside"))
    let commit = try await fixture.commit([:])
    let reading = try await fixture.source().read()
    #expect(reading.names == ["a"] && reading.commit == commit && !reading.set.isComplete)
    let words = "this link points outside the repository; only links within it are followed"
    #expect(
      reading.set.findings.map(\.description) == [
        "fleet/absolute.yaml: error: \(words)", "fleet/directory: error: \(words)",
        "fleet/relative.yaml: error: \(words)",
      ])
  }

  @Test func `a path that is itself a link out of the repository is not followed`() async throws {
    try fixture.folder.write(manifestText("outside"), "outside/o.yaml")
    try fixture.folder.link("work/fleet", to: fixture.folder("outside"))
    try await fixture.commit([:])
    let reading = try await fixture.source().read()
    #expect(reading.names.isEmpty && !reading.set.isComplete && reading.commit == nil)
    #expect(reading.problem?.contains("points outside the repository") == true)
  }

  @Test
  func `no hook or filter runs, no submodule is fetched, and the caller's GIT_ variables are ignored`() async throws {
    try fixture.folder.write(
      "[filter \"lfs\"]\n\tsmudge = touch \(fixture.folder("smudged"))\n\trequired = true\n", "caller.config")
    try fixture.folder.write("#!/bin/sh\ntouch \(fixture.folder("hooked"))\n", "hooks/post-checkout")
    for hook in ["reference-transaction", "post-merge", "post-index-change"] {
      try FileManager.default.copyItem(
        atPath: fixture.folder("hooks/post-checkout"), toPath: fixture.folder("hooks/\(hook)"))
    }
    for hook in try FileManager.default.contentsOfDirectory(atPath: fixture.folder("hooks")) {
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fixture.folder("hooks/" + hook))
    }
    try fixture.folder.write("[core]\n\thooksPath = \(fixture.folder("hooks"))\n", "system.config")
    try await fixture.git("init", "--quiet", "--initial-branch=main", fixture.folder("part"), in: ".")
    try fixture.folder.write(manifestText("part"), "part/p.yaml")
    try await fixture.git("add", "--all", in: "part")
    try await fixture.git("commit", "--quiet", "-m", "part", in: "part")
    try await fixture.git(
      "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", fixture.folder("part"), "fleet/part")
    let commit = try await fixture.commit(
      [
        "fleet/a.yaml": manifestText("a"), ".gitattributes": "*.yaml filter=lfs\n",
        "fleet/.gitattributes": "* filter=lfs\n",
      ])
    let source = try fixture.source(environment: [
      "GIT_CONFIG_GLOBAL": fixture.folder("caller.config"), "GIT_CONFIG_SYSTEM": fixture.folder("system.config"),
      "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_CONFIG_COUNT": "1",
      "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": fixture.folder("hooks"), "GIT_ASKPASS": "/bin/false",
      "GIT_TEMPLATE_DIR": fixture.folder("hooks"), "HOME": fixture.folder("home"),
    ])
    let reading = try await source.read()
    #expect(reading.commit == commit && reading.names == ["a"] && reading.problem == nil)
    #expect(!reading.set.isComplete && reading.set.findings.map(\.location.file) == ["fleet/part"])
    #expect(!FileManager.default.fileExists(atPath: fixture.folder("hooked")))
    #expect(!FileManager.default.fileExists(atPath: fixture.folder("smudged")))
  }

  @Test
  func `a git process that hangs is killed with its children, and the last good commit stays in use`() async throws {
    let first = try await fixture.commit(Self.manifests)
    let hanging = try SilentServer()
    let limits = GitTimeLimits(remote: .seconds(1))
    let reading = try await fixture.source("git://127.0.0.1:\(hanging.port)/fleet", limits: limits).read()
    #expect(reading.problem?.contains("git ls-remote did not finish within 1s and was killed") == true)
    try await Processes.ends("127.0.0.1:\(hanging.port)")

    // An ssh that ignores signals, with a child that does too.
    try fixture.folder.write(
      """
      #!/bin/sh
      trap '' TERM INT HUP PIPE
      if [ -e \(fixture.folder("hang")) ]; then
        sh -c 'trap "" TERM INT HUP PIPE; while :; do sleep 1; done' \(fixture.folder.path)/child &
        wait
      fi
      for last; do :; done
      exec sh -c "$last"
      """, "bin/ssh")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fixture.folder("bin/ssh"))
    let source = { [fixture] (limits: GitTimeLimits) in
      try fixture.source(
        "ssh://git@example.com\(fixture.folder("work"))",
        environment: ["PATH": fixture.folder("bin") + ":" + fixture.path], limits: limits)
    }
    #expect(try await source(GitTimeLimits()).read().commit == first)
    try fixture.folder.write("", "hang")
    let late = try await source(GitTimeLimits(remote: .seconds(4))).read()
    #expect(late.commit == first && late.names == ["a", "b"] && late.set.isComplete)
    #expect(late.problem?.contains("was killed") == true)
    try await Processes.ends(fixture.folder.path + "/child")
  }

  @Test func `git ends with the task of the source`() async throws {
    let hanging = try SilentServer()
    let source = try fixture.source("git://127.0.0.1:\(hanging.port)/fleet")
    let task = Task { try await source.read() }
    while try !Processes.anyRuns(with: "127.0.0.1:\(hanging.port)") { try await Task.sleep(for: .milliseconds(5)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    try await Processes.ends("127.0.0.1:\(hanging.port)")
  }

  @Test func `a missing git is reported`() async throws {
    let reading = try await fixture.source(environment: ["PATH": fixture.folder("bin")]).read()
    #expect(!reading.set.isComplete && reading.problem?.contains("install it") == true)
  }

  @Test func `an unusable state directory is reported`() async throws {
    try await fixture.commit(Self.manifests)
    try fixture.folder.write("a file", "state")
    let reading = try await fixture.source().read()
    #expect(!reading.set.isComplete)
    #expect(reading.problem?.contains("cannot create the directory \(fixture.folder("state/git"))") == true)
  }

  @Test func `several processes can read one repository through one state directory`() async throws {
    let commit = try await fixture.commit(Self.manifests)
    let sources = try (0..<4).map { _ in try fixture.source() }
    try await withThrowingTaskGroup(of: SourceReading.self) { group in
      for source in sources + sources { group.addTask { try await source.read() } }
      for try await reading in group {
        #expect(reading.commit == commit && reading.names == ["a", "b"] && reading.problem == nil)
      }
    }
  }

  @Test func `a repository reports no changes by itself and lets its listener end`() async throws {
    let source = try fixture.source()
    let listener = Task {
      for await _ in source.changes() { Issue.record("a repository reports no changes") }
      return Task.isCancelled
    }
    listener.cancel()
    #expect(await listener.value)
  }
}

/// A port that accepts connections and never answers.
private final class SilentServer: Sendable {
  let port: UInt16
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
      guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
      return bind(descriptor, pointer, length) + listen(descriptor, 8) + getsockname(descriptor, pointer, &length)
    }
    guard code == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(descriptor) }
}

private enum Processes {
  /// Waits until no process has the text on its command line: a killed one takes a moment to disappear.
  static func ends(_ text: String) async throws {
    while try anyRuns(with: text) { try await Task.sleep(for: .milliseconds(5)) }
  }

  /// Whether a running process of this machine has the text on its command line.
  static func anyRuns(with text: String) throws -> Bool {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.contains { pid in
      guard let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
      // A process that ended and was not reaped has an empty one.
      return String(decoding: line, as: UTF8.self).contains(text)
    }
  }
}
