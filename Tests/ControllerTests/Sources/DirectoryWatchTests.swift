import Controller
import Foundation
import Synchronization
import Testing

/// A missed change makes these tests time out: they wait for the next element, and none is a failure.
@Suite(.timeLimit(.minutes(2))) struct `Changes of a directory` {
  private let folder: Folder

  init() throws { folder = try Folder() }

  /// Waits until the watches are set up, then makes each change and waits until it is reported.
  private func expectReport(_ path: String, _ changes: (() throws -> Void)...) async throws {
    let source = DirectorySource(paths: [folder(path)], warn: { Issue.record("\($0)") })
    var reports = source.changes().makeAsyncIterator()
    #expect(await reports.next() != nil)
    for change in changes {
      try change()
      #expect(await reports.next() != nil)
    }
  }

  @Test func `files written, added, renamed and removed are reported`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectReport(
      "d", { try folder.write(manifestText("a", version: 8), "d/a.yaml") },
      { try folder.write(manifestText("b"), "d/b.yaml") }, { try folder.move("d/b.yaml", to: "d/c.yaml") },
      { try folder.remove("d/c.yaml") })
  }

  @Test func `changes in directories that were added later are reported at any depth`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectReport(
      "d", { try folder.write(manifestText("b"), "d/x/y/z/b.yaml") },
      { try folder.write(manifestText("b", version: 8), "d/x/y/z/b.yaml") })
  }

  @Test func `a directory that is deleted and created again is reported`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectReport(
      "d", { try folder.remove("d") }, { try folder.write(manifestText("a"), "d/a.yaml") },
      { try folder.write(manifestText("a", version: 8), "d/a.yaml") })
  }

  @Test func `a directory that did not exist before is reported`() async throws {
    try await expectReport(
      "up/to/now", { try folder.write(manifestText("a"), "up/to/now/a.yaml") },
      { try folder.write(manifestText("a", version: 8), "up/to/now/a.yaml") })
  }

  @Test func `one file that is replaced the way editors do it is reported`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try await expectReport("a.yaml") {
      try folder.write(manifestText("a", version: 8), ".a.yaml.new")
      try folder.move(".a.yaml.new", to: "a.yaml")
    }
  }

  @Test func `a change of the ignore patterns is reported`() async throws {
    try folder.write(manifestText("a"), "d/x/a.yaml")
    try await expectReport(
      "d", { try folder.write("a.yaml\n", "d/x/.setpointignore") }, { try folder.write("", "d/x/.setpointignore") },
      { try folder.remove("d/x/.setpointignore") })
  }

  @Test func `a swapped ConfigMap link is reported`() async throws {
    try folder.write(manifestText("a"), "m/..1/a.yaml")
    try folder.link("m/..data", to: "..1")
    try folder.link("m/a.yaml", to: "..data/a.yaml")
    func swap(_ number: Int) throws {
      try folder.write(manifestText("a", version: number), "m/..\(number)/a.yaml")
      try folder.link("m/..data", to: "..\(number)")
      try folder.remove("m/..\(number - 1)")
    }
    try await expectReport("m", { try swap(2) }, { try swap(3) })
  }

  @Test func `a swapped link on the path is reported`() async throws {
    try folder.write(manifestText("a"), "worktrees/1/fleet/a.yaml")
    try folder.write(manifestText("a", version: 8), "worktrees/2/fleet/a.yaml")
    try folder.link("current", to: "worktrees/1")
    try await expectReport(
      "current/fleet", { try folder.link("current", to: "worktrees/2") },
      { try folder.write(manifestText("a", version: 9), "worktrees/2/fleet/a.yaml") })
  }

  @Test func `a change behind a link in the directory is reported`() async throws {
    try folder.write(manifestText("a"), "elsewhere/a.yaml")
    try folder.write(manifestText("b"), "elsewhere/more/b.yaml")
    try folder.write(manifestText("c"), "d/c.yaml")
    try folder.link("d/a.yaml", to: folder("elsewhere/a.yaml"))
    try folder.link("d/more", to: "../elsewhere/more")
    try await expectReport(
      "d", { try folder.write(manifestText("a", version: 8), "elsewhere/a.yaml") },
      { try folder.write(manifestText("b", version: 8), "elsewhere/more/b.yaml") })
  }

  @Test func `the stream ends with its task and leaves no descriptor open`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    let opened = Mutex<[Int32]>([])
    let source = DirectorySource(
      paths: [folder.path],
      openInotify: {
        let descriptor = DirectoryWatch.openInotify()
        opened.withLock { $0.append(descriptor) }
        return descriptor
      }, warn: { Issue.record("\($0)") })
    let reports = AsyncStream<Void>.makeStream()
    let task = Task {
      for await _ in source.changes() { reports.continuation.yield() }
      return true
    }
    var iterator = reports.stream.makeAsyncIterator()
    _ = await iterator.next()
    task.cancel()
    #expect(await task.value)
    // A stream that nobody iterates over ends as well.
    _ = source.changes()
    let descriptors = opened.withLock(\.self)
    #expect(descriptors.count == 2)
    for descriptor in descriptors {
      // The thread closes it when it ends.
      while (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"))
        == "anon_inode:inotify"
      { try await Task.sleep(for: .milliseconds(5)) }
    }
  }

  @Test func `a directory that cannot be watched is a warning, and the stream still ends with its task`() async throws {
    let words = Mutex<[String]>([])
    let source = DirectorySource(
      paths: [folder.path],
      openInotify: {
        errno = EMFILE
        return -1
      }, warn: { text in words.withLock { $0.append(text) } })
    let task = Task {
      for await _ in source.changes() { Issue.record("nothing can be noticed") }
      return true
    }
    task.cancel()
    #expect(await task.value)
    #expect(
      words.withLock(\.self) == [
        "cannot watch all manifests for changes (Too many open files): changes are picked up at the next interval; to pick "
          + "them up at once, raise fs.inotify.max_user_instances or the open file limit"
      ])
  }
}

@Suite struct `Events of a watched directory` {
  @Test func `an event counts by its file name, and hidden names count only if they were named`() {
    var names = WatchedNames()
    names.addVisible(1)
    names.add(1, name: "..data")
    names.add(2, name: "fleet")
    let cases: [(descriptor: Int32, name: String, matters: Bool)] = [
      (1, "a.yaml", true), (1, ".a.yaml.swp", false), (1, "..data", true), (1, "..data_tmp", false),
      (2, "fleet", true), (2, "other", false), (3, "a.yaml", false),
    ]
    for (descriptor, name, matters) in cases {
      let counts = names.matters(UInt32(IN_CREATE), descriptor: descriptor, name: name)
      #expect(counts == matters, "\(descriptor) \(name)")
    }
  }

  @Test func `a kernel queue overflow counts, and a dropped watch does not`() {
    var names = WatchedNames()
    names.addVisible(1)
    let overflow = names.matters(UInt32(IN_Q_OVERFLOW), descriptor: -1, name: "")
    let deletion = names.matters(UInt32(IN_DELETE_SELF), descriptor: 1, name: "")
    let drop = names.matters(UInt32(IN_IGNORED), descriptor: 1, name: "")
    #expect(overflow && deletion && !drop)
    #expect(names.descriptors.isEmpty)
  }
}

@Suite struct `A burst of events` {
  @Test func `a burst is over after a quiet period, and after one second at the latest`() {
    var debounce = Debounce()
    #expect(debounce.due == nil)
    debounce.event(at: .seconds(10))
    #expect(debounce.due == .milliseconds(10_100))
    for step in 1...19 { debounce.event(at: .seconds(10) + .milliseconds(50 * step)) }
    #expect(debounce.due == .seconds(11))
    debounce.acted()
    #expect(debounce.due == nil)
    debounce.event(at: .seconds(20))
    #expect(debounce.due == .milliseconds(20_100))
  }
}
