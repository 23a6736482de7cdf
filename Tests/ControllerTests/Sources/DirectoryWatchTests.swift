import Controller
import Foundation
import Synchronization
import Testing

/// A change that is not noticed ends these by their time limit: they wait for the next element, and none is a failure.
@Suite(.timeLimit(.minutes(2))) struct `Changes of a directory` {
  private let folder: Folder

  init() throws { folder = try Folder() }

  /// Waits until the watches stand, then makes each change and waits until it is told.
  private func expectNotice(_ path: String, _ changes: (() throws -> Void)...) async throws {
    let source = DirectorySource(paths: [folder(path)], warn: { Issue.record("\($0)") })
    var notices = source.changes().makeAsyncIterator()
    #expect(await notices.next() != nil)
    for change in changes {
      try change()
      #expect(await notices.next() != nil)
    }
  }

  @Test func `are told for files written, added, renamed and removed`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectNotice(
      "d", { try folder.write(manifestText("a", version: 8), "d/a.yaml") },
      { try folder.write(manifestText("b"), "d/b.yaml") }, { try folder.move("d/b.yaml", to: "d/c.yaml") },
      { try folder.remove("d/c.yaml") })
  }

  @Test func `are told in directories that came later, however deep`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectNotice(
      "d", { try folder.write(manifestText("b"), "d/x/y/z/b.yaml") },
      { try folder.write(manifestText("b", version: 8), "d/x/y/z/b.yaml") })
  }

  @Test func `are told when a directory is deleted and made again`() async throws {
    try folder.write(manifestText("a"), "d/a.yaml")
    try await expectNotice(
      "d", { try folder.remove("d") }, { try folder.write(manifestText("a"), "d/a.yaml") },
      { try folder.write(manifestText("a", version: 8), "d/a.yaml") })
  }

  @Test func `are told when a directory comes that was not there`() async throws {
    try await expectNotice(
      "up/to/now", { try folder.write(manifestText("a"), "up/to/now/a.yaml") },
      { try folder.write(manifestText("a", version: 8), "up/to/now/a.yaml") })
  }

  @Test func `are told for one file that is replaced as editors do it`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    try await expectNotice("a.yaml") {
      try folder.write(manifestText("a", version: 8), ".a.yaml.new")
      try folder.move(".a.yaml.new", to: "a.yaml")
    }
  }

  @Test func `are told when the patterns of what is left out change`() async throws {
    try folder.write(manifestText("a"), "d/x/a.yaml")
    try await expectNotice(
      "d", { try folder.write("a.yaml\n", "d/x/.setpointignore") }, { try folder.write("", "d/x/.setpointignore") },
      { try folder.remove("d/x/.setpointignore") })
  }

  @Test func `are told when a ConfigMap's link is swapped`() async throws {
    try folder.write(manifestText("a"), "m/..1/a.yaml")
    try folder.link("m/..data", to: "..1")
    try folder.link("m/a.yaml", to: "..data/a.yaml")
    func swap(_ number: Int) throws {
      try folder.write(manifestText("a", version: number), "m/..\(number)/a.yaml")
      try folder.link("m/..data", to: "..\(number)")
      try folder.remove("m/..\(number - 1)")
    }
    try await expectNotice("m", { try swap(2) }, { try swap(3) })
  }

  @Test func `are told when a link on the way is swapped`() async throws {
    try folder.write(manifestText("a"), "worktrees/1/fleet/a.yaml")
    try folder.write(manifestText("a", version: 8), "worktrees/2/fleet/a.yaml")
    try folder.link("current", to: "worktrees/1")
    try await expectNotice(
      "current/fleet", { try folder.link("current", to: "worktrees/2") },
      { try folder.write(manifestText("a", version: 9), "worktrees/2/fleet/a.yaml") })
  }

  @Test func `are told for what a link in the directory leads to`() async throws {
    try folder.write(manifestText("a"), "elsewhere/a.yaml")
    try folder.write(manifestText("b"), "elsewhere/more/b.yaml")
    try folder.write(manifestText("c"), "d/c.yaml")
    try folder.link("d/a.yaml", to: folder("elsewhere/a.yaml"))
    try folder.link("d/more", to: "../elsewhere/more")
    try await expectNotice(
      "d", { try folder.write(manifestText("a", version: 8), "elsewhere/a.yaml") },
      { try folder.write(manifestText("b", version: 8), "elsewhere/more/b.yaml") })
  }

  @Test func `end with the task, and leave no descriptor open`() async throws {
    try folder.write(manifestText("a"), "a.yaml")
    let opened = Mutex<[Int32]>([])
    let source = DirectorySource(
      paths: [folder.path],
      openInotify: {
        let descriptor = DirectoryWatch.openInotify()
        opened.withLock { $0.append(descriptor) }
        return descriptor
      }, warn: { Issue.record("\($0)") })
    let notices = AsyncStream<Void>.makeStream()
    let task = Task {
      for await _ in source.changes() { notices.continuation.yield() }
      return true
    }
    var iterator = notices.stream.makeAsyncIterator()
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

  @Test func `that cannot be watched are warned of, and the stream still ends with its task`() async throws {
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
          + "them up at once, raise fs.inotify.max_user_instances or the limit of open files"
      ])
  }
}

@Suite struct `Events of a watched directory` {
  @Test func `matter by name, and hidden names only where they were named`() {
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

  @Test func `matter when the kernel lost some, and not when it drops a watch`() {
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
  @Test func `is over when it was quiet for a while, and after a second at the latest`() {
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
