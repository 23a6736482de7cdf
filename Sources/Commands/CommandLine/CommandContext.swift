internal import FileSystem
internal import LibCurl
package import ServingAPI
internal import UnixSignals

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A command's access to its process: environment, clock, standard input, and output.
///
/// The parser creates the commands, so this cannot be passed to their initializers; it is a task-local value, which a
/// test replaces for the commands that it runs without affecting the process.
package struct CommandContext: Sendable {
  package var environment: [String: String]
  package var console: Console
  /// Milliseconds since 1970.
  package var now: @Sendable () -> Int64
  /// All of standard input.
  package var readInput: @Sendable () throws -> [UInt8]
  /// The network connection to providers.
  package var transport: Transport
  /// Clocks and pauses.
  package var timing: Timing
  /// Returns true if the user interrupts (Ctrl-C or SIGTERM), and false if its task is canceled first.
  package var interruption: @Sendable () async -> Bool
  /// Returns true about once a second, when commands show their progress, and false if its task is canceled.
  package var heartbeat: @Sendable () async -> Bool

  package init(
    environment: [String: String], console: Console, now: @escaping @Sendable () -> Int64,
    readInput: @escaping @Sendable () throws -> [UInt8], transport: @escaping Transport, timing: Timing,
    interruption: @escaping @Sendable () async -> Bool, heartbeat: @escaping @Sendable () async -> Bool
  ) {
    self.environment = environment
    self.console = console
    self.now = now
    self.readInput = readInput
    self.transport = transport
    self.timing = timing
    self.interruption = interruption
    self.heartbeat = heartbeat
  }

  /// The process itself, unless replaced. Read once, on first use.
  @TaskLocal package static var current = CommandContext.ofProcess()

  private static func ofProcess() -> CommandContext {
    let environment = processEnvironment()
    return CommandContext(
      environment: environment, console: .standard(environment: environment), now: { millisecondsSince1970() },
      readInput: readStandardInput, transport: network(environment: environment), timing: .system,
      interruption: signalled, heartbeat: { (try? await Task.sleep(for: .seconds(1))) != nil })
  }
}

/// Returns the process's HTTP client. As with curl, a CA file named in the environment replaces the system's.
private func network(environment: [String: String]) -> Transport {
  let caFile = ["CURL_CA_BUNDLE", "SSL_CERT_FILE"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
  return HTTPClient(configuration: HTTPClientConfiguration(caFile: caFile)).transport
}

/// Waits for the first SIGINT or SIGTERM. The next one ends the process by default: a user who presses Ctrl-C twice
/// means it.
private func signalled() async -> Bool {
  for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
    return true
  }
  return false
}

private func processEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var entry = environ
  while let text = entry.pointee {
    let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
    entry += 1
  }
  return variables
}

private func millisecondsSince1970() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

private func readStandardInput() throws -> [UInt8] {
  var input: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(STDIN_FILENO, &buffer, buffer.count)
    if count > 0 {
      input.append(contentsOf: buffer[..<count])
    } else if count == 0 {
      return input
    } else if errno != EINTR {
      throw ErrorReport("cannot read standard input: \(SystemError.last)")
    }
  }
}
