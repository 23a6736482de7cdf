package import CSpawn
import FileSystem
import Glibc

/// Starts processes that outlive their parent: in their own session, with none of the parent's files open.
///
/// swift-subprocess ties a child's life to a scope and ends it when the scope's task is canceled, which is right for
/// helpers and wrong for replicas: they continue to serve when the plane is killed. So this uses posix_spawn(3)
/// directly.
package enum ProcessSpawn {
  /// Starts a replica.
  ///
  /// - Parameters:
  ///   - executable: the absolute path of the program.
  ///   - arguments: all words, starting with the program's own name.
  ///   - directory: the directory to run in.
  ///   - output: the file to which both outputs are appended; created with mode 0600.
  /// - Returns: the process ID, which is also its group ID and its session ID.
  static func start(
    executable: String, arguments: [String], environment: [String: String], directory: String, output: String
  ) throws(SpawnError) -> Int32 {
    do throws(SpawnError) {
      return try startSession(executable, arguments, environment: environment.map { $0.key + "=" + $0.value }) {
        actions in
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // The plane's listening socket must not stay open in a replica.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        posix_spawn_file_actions_addchdir_np(&actions, directory)
      }
    } catch {
      // A missing directory and a missing program give the same error.
      throw SpawnError(description: "\(error) (in \(directory))")
    }
  }

  /// Starts a program in its own session, with default signal handling and nothing to read.
  ///
  /// - Parameters:
  ///   - environment: `NAME=VALUE` each.
  ///   - files: sets the files it has, besides standard input, and the directory it runs in.
  /// - Returns: the process ID, which is also its group ID and its session ID.
  package static func startSession(
    _ executable: String, _ arguments: [String], environment: [String],
    files: (inout posix_spawn_file_actions_t) -> Void
  ) throws(SpawnError) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    files(&actions)

    // The parent ignores some signals and may block others; a child would inherit both.
    var all = sigset_t()
    var none = sigset_t()
    sigfillset(&all)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    let flags = CInt(setpoint_POSIX_SPAWN_SETSID) | CInt(POSIX_SPAWN_SETSIGDEF) | CInt(POSIX_SPAWN_SETSIGMASK)
    posix_spawnattr_setflags(&attributes, CShort(truncatingIfNeeded: flags))

    var pid: pid_t = 0
    let code = withCStrings(arguments) { arguments in
      withCStrings(environment) { posix_spawn(&pid, executable, &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { throw SpawnError(description: "\(executable): \(SystemError(code: code))") }
    return pid
  }

  /// The path of a program: the program itself if it contains a slash (resolved against `directory` if relative),
  /// otherwise looked up on `path`.
  static func find(_ program: String, path: String, directory: String) -> String? {
    if program.contains("/") {
      let whole = program.hasPrefix("/") ? program : directory + "/" + program
      return access(whole, X_OK) == 0 ? whole : nil
    }
    return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 && !isDirectory($0) }
  }

  /// How our own child process ended; nil while it runs, and for a process that is not our child.
  static func collect(_ pid: Int32) -> ProcessExit? {
    var status: CInt = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? .code(Int(status >> 8 & 0xFF)) : .signal(Int(signal))
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}

/// The operating system could not start a program.
package struct SpawnError: Error, Hashable, CustomStringConvertible {
  package let description: String
}
