import CanonicalJSON
import Glibc
import Testing

@testable import ServingPlane

@Suite(.serialized)
struct ListenerTests {
  /// The stand-in in a shell, with its own values for host and port.
  private static func inShell(_ host: String, _ port: String, before: String = "") -> String {
    let server = TestData.entrypoint.replacing(" --host 0.0.0.0 --port 8000", with: "")
      .replacing("python3 '", with: "python3 \"").replacing(".py'", with: ".py\"")
    return "bash -c '\(before)exec \(server) --host \(host) --port \(port) # {port}'"
  }

  private func failure(_ entrypoint: String, serving: Bool = false) async throws -> String {
    let data = TestData()
    return try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(), entrypoint: entrypoint)
      _ = try await plane.create("chat", [entity("hello", 1)])
      let failed = try await plane.waitUntilSettled("chat")
      #expect(failed.state["config_update"] == "UPDATE_FAILED")
      #expect(try data.replicaProcesses().isEmpty)
      return failed.pendingEntity.deploymentMessage
    }
  }

  @Test func `a replica that listens outside loopback is ended and named`() async throws {
    let message = try await failure(Self.inShell("0.0.0.0", "{port}"))
    #expect(message.contains("listens on 0.0.0.0:"), "\(message)")
    #expect(message.contains("outside loopback"))
    #expect(message.contains("--host 127.0.0.1"))
  }

  @Test func `a replica with a second server outside loopback is ended and named too`() async throws {
    let port = Int.random(in: 30_000..<32_000)
    let message = try await failure(
      Self.inShell("127.0.0.1", "{port}", before: "python3 -m http.server \(port) --bind 0.0.0.0 & sleep 1; "))
    #expect(message.contains("listens on 0.0.0.0:\(port), outside loopback"), "\(message)")
  }

  @Test func `a replica that serves on a port other than its own is ended and named`() async throws {
    let port = Int.random(in: 32_000..<32_700)
    let message = try await failure(Self.inShell("127.0.0.1", String(port)))
    #expect(message.contains("serves on port \(port) instead of its own"), "\(message)")
    #expect(message.contains("--port {port}"))
  }

  @Test
  func `an engine's internal sockets are left alone, such as torch's store, which listens everywhere`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["store_socket": true]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY", "\(settled.pendingEntity.deploymentMessage)")
      let members = try data.replicaProcesses().map(\.identity.pid)
      #expect(ListeningSocket.listed(for: members).contains { $0.address == "0.0.0.0" })
    }
  }
}
