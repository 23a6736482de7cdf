internal import CDispatch  // the compiler finds stat(2) here
internal import FileSystem
internal import Glibc
internal import Synchronization

/// Notifies a stream about changes that affect the manifests at the given paths, by inotify(7).
///
/// One thread waits for the kernel and ends with the stream. It watches each directory that is read, and, by name, each
/// entry on the way to them, so that replaced links and directories that are created later are noticed. The set of
/// watches is rebuilt after each change, before the stream is notified: later changes are seen.
package final class DirectoryWatch: Sendable {
  private let paths: [String]
  private let excluded: [IgnorePattern]
  private let inotify: Int32
  /// The reading end of a pipe, which is readable when the stream has ended.
  private let ending: Int32
  /// The pipe's writing end; nil once the thread has closed it.
  private let end: Mutex<Int32?>
  private let warn: @Sendable (String) -> Void
  private let continuation: AsyncStream<Void>.Continuation

  /// Returns a descriptor, or -1 with errno set.
  package static func openInotify() -> Int32 {
    inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
  }

  /// Starts watching. If that fails, `warn` is called with the reason and the stream stays silent until it ends.
  static func start(
    paths: [String], excluding excluded: [IgnorePattern], openInotify: () -> Int32,
    warn: @escaping @Sendable (String) -> Void,
    telling continuation: AsyncStream<Void>.Continuation
  ) {
    let inotify = openInotify()
    guard inotify >= 0 else { return warn(cannotWatch(errno)) }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      warn(cannotWatch(errno))
      Glibc.close(inotify)
      return
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let watch = DirectoryWatch(paths, excluded, inotify, ends[0], ends[1], warn, continuation)
    continuation.onTermination = { [weak watch] _ in watch?.stop() }
    let code = startThread { watch.run() }
    if code != 0 {
      warn(cannotWatch(code))
      watch.close()
    }
  }

  private init(
    _ paths: [String], _ excluded: [IgnorePattern], _ inotify: Int32, _ ending: Int32, _ end: Int32,
    _ warn: @escaping @Sendable (String) -> Void, _ continuation: AsyncStream<Void>.Continuation
  ) {
    self.paths = paths
    self.excluded = excluded
    self.inotify = inotify
    self.ending = ending
    self.end = Mutex(end)
    self.warn = warn
    self.continuation = continuation
  }

  private func stop() {
    end.withLock { end in
      guard let end else { return }
      var byte: UInt8 = 0
      _ = write(end, &byte, 1)
    }
  }

  private func close() {
    end.withLock { end in
      if let end { Glibc.close(end) }
      end = nil
    }
    Glibc.close(ending)
    Glibc.close(inotify)
  }

  // MARK: - The thread

  private func run() {
    defer { close() }
    var watched = WatchedNames()
    var isLimited = false
    var debounce = Debounce()
    rescan(&watched, &isLimited)
    while true {
      switch wait(until: debounce.due) {
      case .ended: return
      case .failed(let code):
        // Callers cannot cause this; the interval still notices changes.
        return warn(Self.cannotWatch(code))
      case .events: if takeEvents(&watched) { debounce.event(at: Self.now()) }
      case .due:
        debounce.acted()
        rescan(&watched, &isLimited)
      }
    }
  }

  private enum WakeReason {
    case events
    case due
    case ended
    case failed(Int32)
  }

  private func wait(until due: Duration?) -> WakeReason {
    while true {
      var descriptors = [
        pollfd(fd: inotify, events: Int16(POLLIN), revents: 0), pollfd(fd: ending, events: Int16(POLLIN), revents: 0),
      ]
      let milliseconds = due.map { max(0, Int32(clamping: ($0 - Self.now()).milliseconds)) }
      let count = poll(&descriptors, 2, milliseconds ?? -1)
      if count < 0 {
        if errno == EINTR { continue }
        return .failed(errno)
      }
      if descriptors[1].revents != 0 { return .ended }
      // The time limit also holds during a stream of events.
      if let due, due <= Self.now() { return .due }
      if descriptors[0].revents != 0 { return .events }
    }
  }

  /// Reads the kernel's events.
  /// - Returns: whether some of them concern manifests.
  private func takeEvents(_ watched: inout WatchedNames) -> Bool {
    var matters = false
    let header = MemoryLayout<inotify_event>.size
    withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: MemoryLayout<inotify_event>.alignment) { buffer in
      while true {
        let count = read(inotify, buffer.baseAddress, buffer.count)
        guard count > 0 else { break }
        var offset = 0
        while offset + header <= count {
          let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
          let end = min(offset + header + Int(event.len), count)
          let name = String(decoding: buffer[(offset + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
          if watched.matters(event.mask, descriptor: event.wd, name: name) { matters = true }
          offset = end
        }
      }
    }
    return matters
  }

  private static let mask =
    UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_MOVED_FROM) | UInt32(IN_MOVED_TO) | UInt32(IN_CLOSE_WRITE)
    | UInt32(IN_MODIFY) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)

  /// Updates the set of watches, then notifies the stream.
  private func rescan(_ watched: inout WatchedNames, _ isLimited: inout Bool) {
    var next = WatchedNames()
    var limit: Int32 = 0
    var added: [String: Int32] = [:]
    func watch(_ directory: String, _ add: (inout WatchedNames, Int32) -> Void) {
      if let descriptor = added[directory] { return add(&next, descriptor) }
      let descriptor = inotify_add_watch(inotify, directory, Self.mask)
      if descriptor >= 0 {
        added[directory] = descriptor
        add(&next, descriptor)
      } else if errno == ENOSPC || errno == ENOMEM {
        limit = errno
      }
      // Any other failure (no such directory, no permission) also occurs when reading, and is reported there.
    }
    func follow(_ path: String) {
      for step in PathLinks.steps(of: path) { watch(step.directory) { $0.add($1, name: step.name) } }
    }
    func followPatterns(_ directory: String) {
      let file = directory + "/" + IgnoreRules.fileName
      if PathLinks.isLink(file) { follow(file) }
    }
    for path in paths {
      follow(path)
      for directory in WorkTree(around: path)?.above ?? [] {
        watch(directory) { $0.add($1, name: IgnoreRules.fileName) }
        followPatterns(directory)
      }
      let walk = ManifestWalk(path, name: path, excluding: excluded) { directory in
        watch(directory) { $0.addVisible($1) }
      }
      for directory in walk.directories where directory.isLink { follow(directory.path) }
      for directory in walk.directories { followPatterns(directory.path) }
      for case .file(let file) in walk.entries where file.isLink { follow(file.path) }
      for case .failure(let name, _) in walk.entries where name != path { follow(name) }
    }
    for descriptor in watched.descriptors.subtracting(next.descriptors) { inotify_rm_watch(inotify, descriptor) }
    watched = next
    if limit != 0, !isLimited { warn(Self.cannotWatch(limit)) }
    isLimited = limit != 0
    continuation.yield()
  }

  private static func cannotWatch(_ code: Int32) -> String {
    let advice =
      switch code {
      case EMFILE: "raise fs.inotify.max_user_instances or the open file limit"
      case ENOSPC: "raise fs.inotify.max_user_watches"
      default: "fix this error"
      }
    return
      "cannot watch all manifests for changes (\(SystemError(code: code))): changes are picked up at the next interval; to "
      + "pick them up at once, \(advice)"
  }

  private static func now() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
  }
}

extension Duration {
  /// Whole milliseconds, rounded up.
  fileprivate var milliseconds: Int64 {
    let parts = components
    return parts.seconds * 1000 + (parts.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
  }
}

/// Runs `body` on a separate thread, which receives no signals; returns the error number of the attempt, 0 if it runs.
private func startThread(_ body: @escaping @Sendable () -> Void) -> Int32 {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let box = Unmanaged.passRetained(Box(body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { argument in
      var all = sigset_t()
      sigfillset(&all)
      pthread_sigmask(SIG_BLOCK, &all, nil)
      pthread_detach(pthread_self())
      let pointer: UnsafeMutableRawPointer? = argument
      if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  if code != 0 { box.release() }
  return code
}
