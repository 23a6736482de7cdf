import Foundation
import Glibc
import Synchronization
import Testing

/// The real binary under a low limit of open files, soft and hard.
@Suite(.serialized) struct FileLimitTests {
  static let files = 256
  /// More than the limit allows, and far fewer than a test may have open.
  static let crowd = 400

  @Test func `serve survives more idle connections than its open file limit, and answers meanwhile`() async throws {
    try await run(["serve", "--data", "data"], isUp: "/health")
  }

  @Test func `run survives more idle connections than its open file limit, and answers meanwhile`() async throws {
    try await run(
      ["run", "-f", "manifests", "--fleet", "limits", "--host", "http://127.0.0.1:1", "--state", "state"],
      isUp: "/healthz")
  }

  private func run(_ arguments: [String], isUp path: String) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "spl-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder.appending(path: "manifests"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let port = try #require(Self.freePort())
    let listen = arguments[0] == "serve" ? ["--port", "\(port)"] : ["--listen", "127.0.0.1:\(port)"]
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "ulimit -n \(Self.files) && exec \"$@\"", "sh", Self.program] + arguments + listen
    process.currentDirectoryURL = folder
    process.environment = [
      "PATH": "/usr/bin:/bin", "HOME": folder.path, "XDG_RUNTIME_DIR": folder.path, "DATABRICKS_TOKEN": "none",
    ]
    let log = folder.appending(path: "log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let output = try FileHandle(forWritingTo: log)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    defer {
      process.terminate()
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    func said() -> String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
    #expect(await Self.eventually { Self.status(port, path) == 200 || !process.isRunning }, "\(said())")
    try #require(process.isRunning, "\(said())")
    let crowd = (0..<Self.crowd).compactMap { _ in Self.connect(port) }
    defer { for descriptor in crowd { close(descriptor) } }
    #expect(crowd.count == Self.crowd)
    for _ in 0..<20 {
      #expect(Self.status(port, path) == 200, "\(said())")
    }
    #expect(process.isRunning, "\(said())")
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processIdentifier)/fd"))?.count
    #expect(try #require(open) < Self.files - 30, "descriptors are left for /proc and the store")
  }

  /// The binary that was built together with the tests.
  private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "setpoint").path

  private static func eventually(_ condition: () -> Bool) async -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(120)
    while clock.now < end {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(100))
    }
    return false
  }

  /// The status of a GET on its own connection; nil if there is no response within a minute.
  private static func status(_ port: UInt16, _ path: String) -> Int? {
    guard let descriptor = connect(port) else { return nil }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
    var answer = [UInt8](repeating: 0, count: 12)
    guard recv(descriptor, &answer, answer.count, Int32(MSG_WAITALL)) == answer.count else { return nil }
    return Int(String(decoding: answer.suffix(3), as: UTF8.self))
  }

  private static func connect(_ port: UInt16) -> CInt? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var address = loopback(port)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    if isConnected { return descriptor }
    close(descriptor)
    return nil
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }

  private static func freePort() -> UInt16? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0
      }
    } ? UInt16(bigEndian: address.sin_port) : nil
  }
}
