import LibCurl
import Testing

@Suite struct `A time limit` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.quiet()
    client = server.client()
  }

  private func limited(_ url: String, connect: Duration? = .seconds(30), idle: Duration?, total: Duration?) async throws
  {
    let timeouts = HTTPTimeouts(connect: connect, idle: idle, total: total)
    _ = try await client.execute(HTTPRequest(url: url, timeouts: timeouts)).body.collect()
  }

  @Test func `the connect timeout covers the TLS handshake, and the idle timeout starts after it`() async throws {
    let error = try await failure {
      let url = "https://127.0.0.1:\(server.ports.mute)/"
      try await limited(url, connect: .milliseconds(400), idle: .milliseconds(100), total: nil)
    }
    #expect(error.code == .timeout(.connect))
    #expect(error.message.contains("connection timed out after 0.4s"))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `the idle timeout runs while waiting for the response`() async throws {
    let key = uniqueKey()
    let error = try await failure {
      try await limited(server.url("/silent?key=\(key)"), idle: .milliseconds(200), total: nil)
    }
    #expect(error.code == .timeout(.idle))
    #expect(error.message == "the server sent nothing for 0.2s")
    #expect(error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
  }

  @Test func `the idle timeout runs in the middle of a body`() async throws {
    let error = try await failure {
      try await limited(server.url("/stall?key=\(uniqueKey())"), idle: .milliseconds(200), total: .seconds(60))
    }
    #expect(error.code == .timeout(.idle))
  }

  @Test func `the idle timeout does not run while the caller is not reading`() async throws {
    // Longer than a busy server pauses in the middle of a response.
    let timeouts = HTTPTimeouts(connect: nil, idle: .seconds(6), total: nil)
    let request = HTTPRequest(url: server.url("/bytes?count=30000000"), timeouts: timeouts)
    let body = try await client.execute(request).body
    // Something that takes longer than the limit.
    _ = try await failure {
      try await limited(server.url("/silent?key=\(uniqueKey())"), idle: .milliseconds(6500), total: nil)
    }
    #expect(try await body.collect().count == 30_000_000)
  }

  @Test func `a total timeout is set by default, so that a body of one byte per second ends`() {
    #expect(HTTPClientConfiguration().timeouts.total == .seconds(120))
  }

  @Test func `the total timeout ends a body that never ends`() async throws {
    let error = try await failure {
      try await limited(server.url("/drip?key=\(uniqueKey())"), idle: .seconds(30), total: .milliseconds(300))
    }
    #expect(error.code == .timeout(.total))
    #expect(error.message == "not finished within 0.3s")
  }

  @Test func `the total timeout runs from the start`() async throws {
    let error = try await failure {
      try await limited("https://127.0.0.1:\(server.ports.mute)/", idle: nil, total: .milliseconds(200))
    }
    #expect(error.code == .timeout(.total))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `the client's timeout applies if the request has none`() async throws {
    var configuration = HTTPClientConfiguration(proxy: .none)
    configuration.timeouts.idle = .milliseconds(200)
    let client = HTTPClient(configuration: configuration)
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/silent?key=\(uniqueKey())")))
    }
    #expect(error.code == .timeout(.idle))
  }
}
