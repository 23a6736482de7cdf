import CanonicalJSON
import Foundation
import NIOHTTP1

/// The scripted vLLM of `Tests/Support`, as a process for the time of a closure.
struct StandIn: Sendable {
  let port: Int
  let process: Process

  static func run<Value: Sendable>(
    say: String = "Hello from v1", _ switches: JSONValue = [:],
    _ body: @escaping @Sendable (StandIn) async throws -> Value
  ) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "standin-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(say.utf8).write(to: folder.appending(path: "say.txt"))
    let port = try freePort()
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Support/vllm_standin.py").path
    process.arguments = [
      "python3", "-B", script, "--model", folder.path, "--served-model-name", "m", "--host", "127.0.0.1", "--port",
      String(port),
    ]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "VLLM_STANDIN": switches.text(), "TMPDIR": folder.path,
    ]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      // Idle by now, or frozen: either way nothing of it stays.
      process.terminate()
      process.waitUntilExit()
    }
    let standIn = StandIn(port: port, process: process)
    let isUp = await eventually { await standIn.isHealthy }
    guard isUp else { throw CocoaError(.executableLoad) }
    return try await body(standIn)
  }

  private var isHealthy: Bool {
    get async { (try? await TestClient(port: port).post("/health", "", method: .GET))?.status == 200 }
  }

  /// Its counters: `seen`, `running`, `aborted`, `finished`, ...
  func counters() async throws -> JSONValue {
    try await TestClient(port: port).post("/standin", "", method: .GET).json
  }

  /// Changes its switches from now on.
  func set(_ switches: JSONValue) async throws {
    _ = try await TestClient(port: port).post("/standin", switches.text())
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0
      }
    }
    guard isBound else { throw CocoaError(.featureUnsupported) }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
