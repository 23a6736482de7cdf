import CanonicalJSON
import FoundationEssentials
import Glibc
import Testing

@testable import ServingPlane

@Suite(.serialized)
struct ReplicaTests {
  /// Processes of the plane's replicas in sessions that no server leads.
  private func daemons(_ data: TestData) throws -> [ProcessTable.Entry] {
    let all = try data.replicaProcesses()
    let servers = Set(all.filter { $0.identity.pid == $0.session }.map(\.session))
    return all.filter { !servers.contains($0.session) }
  }

  @Test func `child processes in their own sessions end with their replica`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["daemon": true]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let daemon = try #require(try daemons(data).first)
      #expect(daemon.parent != daemon.session)
      _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
      try await eventually("no process is left") { try data.replicaProcesses().isEmpty }
      // Also if the server dies by itself.
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let second = try #require(try daemons(data).first)
      let server = try #require(try data.replicaProcesses().first { $0.identity.pid == $0.session })
      kill(server.identity.pid, SIGKILL)
      try await eventually("the daemon of the dead server is gone") { !ProcessTable.isAlive(second.identity) }
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
    }
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `a process that lost its mark and its parents is still recognized`() throws {
    let mark = ReplicaMark(plane: "p", replica: "r")
    let shell = try ProcessSpawn.start(
      executable: "/bin/sh", arguments: ["sh", "-c", "setsid env -i sleep 60 & wait"],
      environment: ["PATH": "/usr/bin:/bin", ReplicaMark.variable: mark.description], directory: "/",
      output: "/dev/null")
    let leader = try #require(ProcessTable.entry(shell)).identity
    let group = ReplicaGroup(mark: mark, leader: leader, workingDirectory: "/nowhere")
    var members: [ProcessTable.Entry] = []
    let deadline = ContinuousClock.now + .seconds(60)
    while members.first(where: { $0.session != shell && ProcessTable.mark($0.identity.pid) == nil }) == nil,
      ContinuousClock.now < deadline
    { members = (group.members() ?? []) }
    let lost = try #require(members.first { $0.session != shell }).identity
    kill(shell, SIGKILL)
    while ProcessSpawn.collect(shell) == nil {}
    #expect((group.members() ?? []).map(\.identity).contains(lost))
    kill(lost.pid, SIGKILL)
  }

  @Test func `an engine that prints endlessly during its start does not fill the disk`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["babble": true]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      let replicas = data.settings.replicasPath
      func file() throws -> String? {
        try FileManager.default.contentsOfDirectory(atPath: replicas).first.map { "\(replicas)/\($0)/output.log" }
      }
      try await eventually("its output was cut") { try file().map { access($0 + ".1", F_OK) == 0 } ?? false }
      var status = stat()
      let path = try #require(try file())
      #expect(stat(path + ".1", &status) == 0)
      #expect(status.st_size <= 64 << 20)
      _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
      try await eventually("no process is left") { try data.replicaProcesses().isEmpty }
    }
  }

  @Test func `the log of a plane in the background is limited, and a link in its place is not followed`() async throws {
    let data = TestData()
    let (path, lines) = (data.settings.logPath, (0..<1000).map { "line \($0)\n" }.joined())
    try FileManager.default.createDirectory(
      atPath: data.settings.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try Data(lines.utf8).write(to: URL(filePath: path))
    try await withPlane(
      data,
      adjust: {
        $0.writesOwnLog = true
        $0.logLimit = 1000
      },
      { _ in
        try await eventually("the log starts over") {
          FileManager.default.contents(atPath: path)?.isEmpty == true
        }
      })
    let kept = try #require(FileManager.default.contents(atPath: path + ".1"))
    #expect(String(decoding: kept, as: UTF8.self) == String(lines.suffix(1000)))
    let (target, link) = (data.path + "/target", data.path + "/link")
    try Data(lines.utf8).write(to: URL(filePath: target))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    OutputFile(link).rotate(limit: 1000)
    #expect(FileManager.default.contents(atPath: target)?.count == lines.utf8.count)
  }

  @Test func `output is truncated to its last part, and no more than the limit is kept`() throws {
    let data = TestData()
    let file = OutputFile(data.path + "/output.log")
    try Data((0..<100_000).map { "\($0)\n" }.joined().utf8).write(to: URL(filePath: file.path))
    file.rotate(limit: 1000)
    #expect(FileManager.default.contents(atPath: file.path)?.isEmpty == true)
    let kept = try #require(FileManager.default.contents(atPath: file.path + ".1"))
    #expect(kept.count == 1000)
    #expect(String(decoding: kept, as: UTF8.self).hasSuffix("99998\n99999\n"))
    file.rotate(limit: 1000)
    #expect(FileManager.default.contents(atPath: file.path + ".1") == kept)
  }

  @Test func `an endpoint that is deleted just as its replica becomes ready leaves none behind`() async throws {
    let data = TestData()
    try await withPlane(data, adjust: { $0.startBurst = 1000 }) { plane in
      _ = try await plane.register("hello", try data.model())
      for round in 0..<10 {
        _ = try await plane.create("chat-\(round)", [entity("hello", 1)])
        try await eventually("it runs") {
          try data.replicaProcesses().contains { $0.identity.pid == $0.session }
        }
        // Between the start of the process and some time after it is ready, at a different time in each round.
        for _ in 0..<(round * 3) { _ = try await plane.get("chat-\(round)") }
        let deleted = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat-\(round)")
        #expect(deleted.status == 200)
        try await eventually("no process is left") { try data.replicaProcesses().isEmpty }
      }
    }
  }

  @Test func `starts are staggered`() {
    let limiter = StartLimiter(burst: 2, spacing: .seconds(60))
    #expect(limiter.turn(for: "a") == nil)
    #expect(limiter.turn(for: "b") == nil)
    let wait = limiter.turn(for: "c")
    #expect(wait.map { $0 > .zero && $0 <= .seconds(60) } == true)
    limiter.leave("c")
  }

  @Test func `a replica that is told to stop before its turn never starts`() async throws {
    let data = TestData()
    try await withPlane(
      data,
      adjust: {
        $0.startBurst = 1; $0.startSpacing = .seconds(3600)
      }
    ) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("first", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("first")
      _ = try await plane.create("second", [entity("hello", 1)])
      let deleted = try await plane.call("DELETE", "/api/2.0/serving-endpoints/second")
      #expect(deleted.status == 200)
      try await eventually("its record is gone") {
        try EndpointStore(path: data.settings.storePath).replicas().count == 1
      }
      #expect(try data.replicaProcesses().count { $0.identity.pid == $0.session } == 1)
    }
  }
}

/// A file system of a few megabytes, where this test may mount one.
@Suite(.serialized)
struct FullDiskTests {
  private static func mount(_ path: String) -> Bool {
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return Glibc.mount("tmpfs", path, "tmpfs", 0, "size=24m,mode=0700") == 0
  }

  private static let mayMount: Bool = {
    let path = "/tmp/spt-mount-\(getpid())"
    defer { rmdir(path) }
    guard mount(path) else { return false }
    return umount2(path, CInt(MNT_DETACH)) == 0
  }()

  @Test(.enabled(if: mayMount, "mounting needs rights that this user does not have"))
  func `create, tag and delete work on a full disk`() async throws {
    let data = TestData()
    let disk = data.path + "/data"
    try #require(Self.mount(disk))
    defer { umount2(disk, CInt(MNT_DETACH)) }
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello"))
      _ = try await plane.create("one", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("one")
      try await eventually("the reserve is there") { access(data.settings.reservePath, F_OK) == 0 }
      let filler = open(disk + "/filler", O_WRONLY | O_CREAT, 0o600)
      let block = [UInt8](repeating: 1, count: 4096)
      while write(filler, block, block.count) > 0 {}
      #expect(errno == ENOSPC)
      close(filler)
      for number in 0..<40 {
        let tagged = try await plane.call(
          "PATCH", "/api/2.0/serving-endpoints/one/tags",
          ["add_tags": [["key": .string("k\(number)"), "value": .string(String(repeating: "v", count: 2000))]]])
        #expect(tagged.status == 200, "\(tagged.text)")
      }
      let created = try await plane.create("two", [entity("hello", 1)])
      #expect(created.status == 200, "\(created.text)")
      for name in ["two", "one"] {
        let deleted = try await plane.call("DELETE", "/api/2.0/serving-endpoints/\(name)")
        #expect(deleted.status == 200, "\(deleted.text)")
      }
      try await eventually("no process is left") { try data.replicaProcesses().isEmpty }
    }
  }
}
