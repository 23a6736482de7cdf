import LibCurl
import Testing

@Suite struct `TLS` {
  let server: TestServer

  init() throws {
    server = try TestServer.running()
  }

  private func get(_ url: String, caFile: String?) async throws -> Int {
    let client = HTTPClient(configuration: HTTPClientConfiguration(caFile: caFile, proxy: .none))
    return try await client.execute(HTTPRequest(url: url)).status
  }

  @Test func `a server whose authority is in the file is accepted`() async throws {
    #expect(try await get(server.secureURL("/connection"), caFile: server.caFile) == 200)
    let byName = "https://localhost:\(server.ports.secure)/connection"
    #expect(try await get(byName, caFile: server.caFile) == 200)
  }

  @Test func `a server of an unknown authority is refused`() async throws {
    let error = try await failure { _ = try await get(server.secureURL("/connection?key=unsent"), caFile: nil) }
    #expect(error.code == .tls)
    #expect(error.message.contains("certificate"))
    #expect(!error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("facts", about: "unsent")
    #expect(facts.requests == 0)
  }

  @Test func `a certificate of another host is refused`() async throws {
    let url = "https://127.0.0.1:\(server.ports.stranger)/connection"
    let error = try await failure { _ = try await get(url, caFile: server.caFile) }
    #expect(error.code == .tls)
    #expect(error.message.contains("127.0.0.1"))
  }

  @Test func `an unreadable file of authorities is reported`() async throws {
    let error = try await failure { _ = try await get(server.secureURL("/"), caFile: "/no/such/authorities.pem") }
    #expect(error.code == .tls)
    #expect(error.message.contains("/no/such/authorities.pem"))
  }

  @Test func `a plaintext server is refused`() async throws {
    let error = try await failure {
      _ = try await get("https://127.0.0.1:\(server.ports.plain)/connection", caFile: server.caFile)
    }
    #expect(error.code == .tls)
  }
}
