import LibCurl
import Testing

@Suite struct `A failure` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  private func get(_ path: String) async throws {
    _ = try await client.execute(HTTPRequest(url: server.url(path))).body.collect()
  }

  @Test func `a failure to connect says where, and that nothing was sent`() async throws {
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: "http://127.0.0.1:\(server.ports.closed)/path"))
    }
    #expect(error.code == .connect)
    #expect(!error.requestMayHaveBeenSent)
    #expect(error.message.contains("port \(server.ports.closed)"))
    let start = "GET http://127.0.0.1:\(server.ports.closed)/path: could not connect to 127.0.0.1 port "
    #expect("\(error)".hasPrefix(start), "\(error)")
    #expect(!error.message.contains("to server"), "the same is not said twice: \(error)")
  }

  @Test func `a failure to resolve a host names it`() async throws {
    // A label of more than 63 letters is not a valid host name: the resolver says so without a query.
    let host = String(repeating: "a", count: 70) + ".invalid"
    let error = try await failure { _ = try await client.execute(HTTPRequest(url: "http://\(host)/")) }
    #expect(error.code == .resolve)
    #expect(error.message.contains(host))
    #expect(!error.message.lowercased().contains("could not resolve"), "the same is not said twice: \(error)")
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `a failure in the middle of a body comes after the bytes that had arrived`() async throws {
    let key = uniqueKey()
    var iterator = try await client.execute(HTTPRequest(url: server.url("/reset?key=\(key)"))).body.makeAsyncIterator()
    #expect(try await iterator.next() == Array("ten bytes.".utf8))
    try await server.release(key, piece: 1)
    let error = try await failure { _ = try await iterator.next() }
    #expect(error.code == .connectionLost)
    #expect(error.requestMayHaveBeenSent)
    #expect(error.responseBytesReceived > 10)
  }

  @Test func `an incomplete body is a failure and not a short body`() async throws {
    let error = try await failure { try await get("/truncate") }
    #expect(error.code == .connectionLost)
  }

  @Test func `a missing response leaves open whether the request was seen`() async throws {
    let error = try await failure { try await get("/hang-up") }
    #expect(error.code == .connectionLost)
    #expect(error.requestMayHaveBeenSent)
    #expect(error.responseBytesReceived == 0)
  }

  @Test func `endless headers are a failure at the limit`() async throws {
    let error = try await failure { try await get("/endless-headers") }
    #expect(error.code == .other)
    #expect(error.message.contains("headers are larger than the limit"))
  }

  @Test func `a response that is not HTTP is reported`() async throws {
    let error = try await failure { try await get("/not-http") }
    #expect(error.code == .other)
    #expect(error.message.contains("HTTP/0.9"))
  }

  @Test func `a failure message contains no secret`() async throws {
    let address = "user:hunter2@127.0.0.1:\(server.ports.closed)/path?token=swordfish#part"
    for url in ["http://\(address)", "gopher://\(address)", "http:// \(address)", "http://\(address)\r\n", address] {
      let request = HTTPRequest(url: url, headers: [HTTPField("Authorization", "Bearer opensesame")])
      let error = try await failure { _ = try await client.execute(request) }
      for secret in ["user", "hunter2", "swordfish", "opensesame"] {
        #expect(!"\(error)".contains(secret), "\(error)")
        #expect(!String(reflecting: error).contains(secret), "\(error)")
      }
    }
  }

  /// libcurl leaves SIGPIPE to its user if it may not use signals. By default SIGPIPE ends the process.
  @Test func `a server's refusal of an upload over TLS does not end the process`() async throws {
    let (url, caFile) = (server.secureURL("/reset-upload"), server.caFile)
    await #expect(processExitsWith: .success) { [url = url as String, caFile = caFile as String] in
      restoreDefaultSIGPIPE()
      let client = HTTPClient(configuration: HTTPClientConfiguration(caFile: caFile, proxy: .none))
      for _ in 0..<10 {
        let request = HTTPRequest(method: "POST", url: url, body: [UInt8](repeating: 1, count: 4_000_000))
        let error = try await failure { _ = try await client.execute(request) }
        #expect(error.code == .connectionLost)
        #expect(error.requestMayHaveBeenSent)
      }
    }
  }
}
