import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import ServingPlane

/// The real binary as a separate process, in the runtime directory of a test.
final class BinaryRun: Sendable {
  let pid: Int32
  private let output: String
  private let exit = Mutex<ProcessExit?>(nil)

  /// Beside the tests themselves, wherever they were built.
  static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "setpoint").path

  /// - Parameter isPiped: whether it writes to a pipe; the run then ends when nothing writes to it any more.
  init(
    _ data: TestData, _ words: [String], environment more: [String: String] = [:], isPiped: Bool = false
  ) throws {
    output = data.path + "/run-\(UInt32.random(in: .min ... .max)).log"
    try FileManager.default.createDirectory(
      atPath: data.runtimeParent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("DATABRICKS_") }
    environment["XDG_RUNTIME_DIR"] = data.runtimeParent
    environment["HOME"] = data.path
    pid = try ProcessSpawn.start(
      executable: isPiped ? "/bin/sh" : Self.path,
      arguments: (isPiped ? ["sh", "-c", #""$0" "$@" 2>&1 | cat"#, Self.path] : ["setpoint"]) + words,
      environment: environment.merging(more) { $1 }, directory: data.path, output: output)
  }

  /// `setpoint serve` on the test's data.
  static func serve(
    _ data: TestData, _ options: String..., directory: String? = nil, environment: [String: String] = [:],
    isPiped: Bool = false
  ) throws -> BinaryRun {
    try BinaryRun(
      data, ["serve", "--data", directory ?? data.settings.dataDirectory, "--python", TestData.python] + options,
      environment: environment, isPiped: isPiped)
  }

  deinit {
    guard exited == nil else { return }
    kill(pid, SIGKILL)
    var status: CInt = 0
    waitpid(pid, &status, 0)
  }

  /// Everything it has written.
  var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

  /// How it ended; nil while it is running.
  var exited: ProcessExit? {
    exit.withLock { exit in
      exit = exit ?? ProcessSpawn.collect(pid)
      return exit
    }
  }

  /// Waits for its end, and returns how it ended.
  @discardableResult
  func ended() async throws -> ProcessExit {
    try await eventually("it ends: \(text)") { exited != nil }
    return try #require(exited, "\(text)")
  }

  /// Waits until it listens as a plane, and returns its address.
  func listening() async throws -> String {
    try await eventually("the plane listens: \(text)") { text.contains("other tools:") || exited != nil }
    let rest = text.split(separator: "\n").first { $0.contains("listens on ") }?.split(separator: " ").last
    return try #require(rest.map(String.init), "\(text)")
  }
}

extension TestData {
  /// `XDG_RUNTIME_DIR` of its binaries.
  var runtimeParent: String { path + "/run" }
}
