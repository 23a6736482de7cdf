internal import CSpawn
internal import FileSystem
internal import Glibc
internal import ServingPlane

/// `serve --background`: starts the same command in its own session, and returns when it is serving or has failed. A
/// service manager's reload command needs this: it has to end, and report the outcome.
enum BackgroundStart {
  /// The variable with the descriptor through which the child reports that it is serving.
  static let variable = "SETPOINT_READY_DESCRIPTOR"
  private static let flag = "--background"
  private static let descriptor: CInt = 3

  /// - Returns: the exit status; 0 if the plane is serving.
  static func run(_ arguments: [String]) throws -> Int32 {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw failure("cannot create a pipe", SystemError.last.description) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let child = try spawn(arguments.filter { $0 != flag }, telling: ends[1])
    close(ends[1])
    defer { close(ends[0]) }
    var word: UInt8 = 0
    while true {
      let count = read(ends[0], &word, 1)
      if count > 0 { return 0 }
      if count == 0 || errno != EINTR { break }
    }
    // It ended without a report, and has printed the reason on standard error.
    var status: CInt = 0
    guard waitpid(child, &status, 0) == child, status & 0x7F == 0 else { return 1 }
    return max(1, status >> 8 & 0xFF)
  }

  /// Whether this process was started by ``run(_:)``.
  static func isChild(_ environment: [String: String]) -> Bool { environment[variable] != nil }

  /// Whether this process was started by ``run(_:)`` and writes to its caller: to a terminal, or to a pipe whose reader
  /// would wait for the end of the plane. A file or a service manager's log receives everything.
  static func isReadByCaller(_ environment: [String: String]) -> Bool {
    isChild(environment) && outputs.contains(where: isRead)
  }

  /// Sends to the log what this process would write to its caller from now on.
  static func moveOutput(to log: String, _ console: Console) {
    let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      return console.note("the log \(log) cannot be opened: \(SystemError.last); later messages appear here")
    }
    for output in outputs where isRead(output) { dup2(file, output) }
    close(file)
  }

  private static let outputs = [STDOUT_FILENO, STDERR_FILENO]

  private static func isRead(_ output: CInt) -> Bool {
    var status = stat()
    return isatty(output) == 1 || (fstat(output, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }

  /// Reports to the parent waiting in ``run(_:)`` that the plane is serving.
  static func tellParent(_ environment: [String: String]) {
    guard let text = environment[variable], let descriptor = CInt(text), descriptor > 2 else { return }
    var word = UInt8(ascii: "1")
    _ = write(descriptor, &word, 1)
    close(descriptor)
  }

  private static func spawn(_ arguments: [String], telling end: CInt) throws -> pid_t {
    var variables: [String] = ["\(variable)=\(descriptor)"]
    var entry = environ
    while let text = entry.pointee {
      variables.append(String(cString: text))
      entry += 1
    }
    do throws(SpawnError) {
      // The running program, whatever name it was found by.
      return try ProcessSpawn.startSession("/proc/self/exe", arguments, environment: variables) { actions in
        posix_spawn_file_actions_adddup2(&actions, end, descriptor)
        posix_spawn_file_actions_addclosefrom_np(&actions, descriptor + 1)
      }
    } catch {
      throw failure("cannot start the plane in the background", error.description)
    }
  }

  private static func failure(_ what: String, _ why: String) -> ErrorReport {
    ErrorReport("\(what): \(why)", next: "run it without \(flag)")
  }
}
