import CanonicalJSON
import Foundation
import NIOHTTP1

/// The scripted vLLM of `Tests/Support`, as a process for the time of a closure.
struct StandIn: Sendable {
  let port: Int
  let socketPath: String
  let process: Process

  var isRunning: Bool { process.isRunning }

  static func run<Value: Sendable>(
    say: String = "Hello from v1", _ switches: JSONValue = [:], onUnixSocket: Bool = false,
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
      "python3", "-B", script, "--model", folder.path, "--served-model-name", "m",
    ]
    let socketPath = folder.appending(path: "s").path
    process.arguments? += onUnixSocket ? ["--uds", socketPath] : ["--host", "127.0.0.1", "--port", String(port)]
    // One process is enough here: its process tree is tested with the supervisor.
    var all = switches.objectValue ?? [:]
    all["children"] = false
    all["stop_ms"] = 0
    process.environment = ProcessInfo.processInfo.environment.merging([
      "VLLM_STANDIN": JSONValue.object(all).text(), "TMPDIR": folder.path,
    ]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let standIn = StandIn(port: port, socketPath: socketPath, process: process)
    let isUp = await eventually { onUnixSocket ? standIn.hasSocket : await standIn.isHealthy }
    do {
      guard isUp else { throw CocoaError(.executableLoad) }
      let value = try await body(standIn)
      await standIn.stop()
      return value
    } catch {
      await standIn.stop()
      throw error
    }
  }

  /// Asks it to end, and then forces it: with a request in flight it would freeze, as the real one does.
  func stop() async {
    guard process.isRunning else { return }
    process.terminate()
    if await !eventually(within: .seconds(2), { !process.isRunning }) { kill(process.processIdentifier, SIGKILL) }
  }

  /// Whether it listens on its socket: the file exists earlier, but refuses connections.
  private var hasSocket: Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socketPath.utf8).prefix(107)) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
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

  /// A port below those that the kernel gives to clients: a client that asks again and again for a server on such a port
  /// may get the port itself, and be connected to itself.
  private static func freePort() throws -> Int {
    for _ in 0..<100 {
      let port = Int.random(in: 10_000..<20_000)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(port).bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      let isBound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
          bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isBound { return port }
    }
    throw CocoaError(.featureUnsupported)
  }
}
