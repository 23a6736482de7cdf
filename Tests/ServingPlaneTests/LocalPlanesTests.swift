import FoundationEssentials
import Glibc
import HTTPSupport
import Testing

@testable import ServingPlane

/// The real binary as commands and as planes on one machine.
@Suite(.serialized)
struct LocalPlanesTests {
  /// The output of `setpoint get`, and whether it succeeded.
  private func get(_ data: TestData, _ options: String...) async throws -> (isHealthy: Bool, text: String) {
    let run = try BinaryRun(data, ["get"] + options)
    return (try await run.ended() == .code(0), run.text)
  }

  @Test func `a process that takes over the port of a stopped plane receives no request`() async throws {
    let data = TestData()
    let plane = try BinaryRun.serve(data, "--port", "0")
    let url = try await plane.listening()
    let before = try await get(data)
    #expect(before.isHealthy, "\(before.text)")
    kill(plane.pid, SIGKILL)
    try await plane.ended()
    let port = try #require(url.split(separator: ":").last.flatMap { Int($0) })
    let impostor = try BoundSocket.tcp(host: "127.0.0.1", port: port)
    for options in [[], ["--host", url]] {
      let after = options.isEmpty ? try await get(data) : try await get(data, options[0], options[1])
      #expect(!after.isHealthy)
      #expect(after.text.contains("the serving plane at \(url) is not running"), "\(after.text)")
      // With every option that it was started with.
      let command = "setpoint serve --data \(data.settings.dataDirectory) --python \(TestData.python) --port 0"
      #expect(after.text.contains("\"\(command)\""), "\(after.text)")
    }
    #expect(impostor.accept() == nil)
    // The next plane on the same data is found again, wherever it listens.
    let next = try BinaryRun.serve(data, "--port", "0")
    let nextURL = try await next.listening()
    let found = try await get(data)
    #expect(found.isHealthy && found.text.contains(nextURL), "\(found.text)")
    #expect(impostor.accept() == nil)
  }

  @Test func `commands reach a plane with TLS through its socket, without its certificate`() async throws {
    let data = TestData()
    let (certificate, key) = (data.path + "/plane.pem", data.path + "/plane.key")
    let openssl = try ProcessSpawn.start(
      executable: "/usr/bin/env",
      arguments: [
        "env", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=plane", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
        certificate,
      ], environment: ProcessInfo.processInfo.environment, directory: data.path, output: data.path + "/openssl.log")
    try await eventually("the certificate is made") { ProcessSpawn.collect(openssl) != nil }
    let plane = try BinaryRun.serve(data, "--port", "0", "--tls-cert", certificate, "--tls-key", key)
    let url = try await plane.listening()
    #expect(url.hasPrefix("https://127.0.0.1:"), "\(plane.text)")
    #expect(!plane.text.contains("it has no TLS"), "\(plane.text)")
    for options in [[], ["--host", url], ["--host", String(url.dropFirst("https://".count))]] {
      let run = options.isEmpty ? try await get(data) : try await get(data, options[0], options[1])
      #expect(run.isHealthy && run.text.contains(url), "\(options): \(run.text)")
    }
  }

  @Test func `a plane that other machines can reach without TLS says so`() async throws {
    let data = TestData()
    let plane = try BinaryRun.serve(data, "--listen", "0.0.0.0:0")
    _ = try await plane.listening()
    try await eventually("it warns") { plane.text.contains("warning: other machines can reach this port") }
  }

  @Test func `commands ask which of two planes is meant, and use the one that is left`() async throws {
    let data = TestData()
    let first = try BinaryRun.serve(data, "--port", "0")
    let firstURL = try await first.listening()
    let second = try BinaryRun.serve(data, "--port", "0", directory: data.path + "/other")
    let secondURL = try await second.listening()
    let asked = try await get(data)
    #expect(!asked.isHealthy)
    for part in [
      "2 serving planes are running on this machine", "--host \(firstURL)", "--host \(secondURL)", data.path + "/other",
    ] {
      #expect(asked.text.contains(part), "\(asked.text)")
    }
    for url in [firstURL, secondURL] {
      let chosen = try await get(data, "--host", url)
      #expect(chosen.isHealthy && chosen.text.contains(url), "\(chosen.text)")
    }
    kill(first.pid, SIGKILL)
    try await first.ended()
    let left = try await get(data)
    #expect(left.isHealthy && left.text.contains(secondURL), "\(left.text)")
    kill(second.pid, SIGTERM)
    #expect(try await second.ended() == .code(0))
    let none = try await get(data)
    #expect(!none.isHealthy)
  }
}
