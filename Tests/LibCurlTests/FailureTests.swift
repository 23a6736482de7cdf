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

  @Test func `to connect says where and that nothing was sent`() async throws {
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: "http://127.0.0.1:\(server.ports.closed)/path"))
    }
    #expect(error.code == .connect)
    #expect(!error.requestMayHaveBeenSent)
    #expect(error.message.contains("port \(server.ports.closed)"))
    #expect("\(error)".hasPrefix("GET http://127.0.0.1:\(server.ports.closed)/path: could not connect: "))
  }

  @Test func `to find the host names it`() async throws {
    // A label of more than 63 letters is no host name: the resolver says so without asking anybody.
    let host = String(repeating: "a", count: 70) + ".invalid"
    let error = try await failure { _ = try await client.execute(HTTPRequest(url: "http://\(host)/")) }
    #expect(error.code == .resolve)
    #expect(error.message.contains(host))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `in the middle of a body comes after what had arrived`() async throws {
    let key = uniqueKey()
    var iterator = try await client.execute(HTTPRequest(url: server.url("/reset?key=\(key)"))).body.makeAsyncIterator()
    #expect(try await iterator.next() == Array("ten bytes.".utf8))
    try await server.release(key, piece: 1)
    let error = try await failure { _ = try await iterator.next() }
    #expect(error.code == .connectionLost)
    #expect(error.requestMayHaveBeenSent)
    #expect(error.responseBytesReceived > 10)
  }

  @Test func `to send the whole body is no short body`() async throws {
    let error = try await failure { try await get("/truncate") }
    #expect(error.code == .connectionLost)
  }

  @Test func `to answer at all leaves open whether the request was seen`() async throws {
    let error = try await failure { try await get("/hang-up") }
    #expect(error.code == .connectionLost)
    #expect(error.requestMayHaveBeenSent)
    #expect(error.responseBytesReceived == 0)
  }

  @Test func `to stop sending headers is bounded`() async throws {
    let error = try await failure { try await get("/endless-headers") }
    #expect(error.code == .other)
    #expect(error.message.contains("headers are larger than the limit"))
  }

  @Test func `to speak HTTP is told`() async throws {
    let error = try await failure { try await get("/not-http") }
    #expect(error.code == .other)
    #expect(error.message.contains("HTTP/0.9"))
  }

  @Test func `tells no secret`() async throws {
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

  /// libcurl leaves SIGPIPE to its user when it may not use signals; OpenSSL raises it. By default it ends the process.
  @Test func `of the server to take an upload over TLS does not end the process`() async throws {
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

@Suite struct `A time limit` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  private func limited(_ url: String, connect: Duration? = .seconds(30), idle: Duration?, total: Duration?) async throws
  {
    let timeouts = HTTPTimeouts(connect: connect, idle: idle, total: total)
    _ = try await client.execute(HTTPRequest(url: url, timeouts: timeouts)).body.collect()
  }

  @Test func `for the connection covers the TLS handshake, and idle does not count before`() async throws {
    let error = try await failure {
      let url = "https://127.0.0.1:\(server.ports.mute)/"
      try await limited(url, connect: .milliseconds(400), idle: .milliseconds(100), total: nil)
    }
    #expect(error.code == .timeout(.connect))
    #expect(error.message.contains("no connection within 0.4 s"))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `for silence runs while the answer is awaited`() async throws {
    let key = uniqueKey()
    let error = try await failure {
      try await limited(server.url("/silent?key=\(key)"), idle: .milliseconds(200), total: nil)
    }
    #expect(error.code == .timeout(.idle))
    #expect(error.message == "the server sent nothing for 0.2 s")
    #expect(error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
  }

  @Test func `for silence runs in the middle of a body`() async throws {
    let error = try await failure {
      try await limited(server.url("/stall?key=\(uniqueKey())"), idle: .milliseconds(200), total: .seconds(60))
    }
    #expect(error.code == .timeout(.idle))
  }

  @Test func `for silence does not count while the caller is the one who waits`() async throws {
    let timeouts = HTTPTimeouts(connect: nil, idle: .milliseconds(300), total: nil)
    let request = HTTPRequest(url: server.url("/bytes?count=30000000"), timeouts: timeouts)
    let body = try await client.execute(request).body
    // Something that takes longer than the limit.
    _ = try await failure {
      try await limited(server.url("/silent?key=\(uniqueKey())"), idle: .milliseconds(900), total: nil)
    }
    #expect(try await body.collect().count == 30_000_000)
  }

  @Test func `for the whole ends a body that never ends`() async throws {
    let error = try await failure {
      try await limited(server.url("/drip?key=\(uniqueKey())"), idle: .seconds(30), total: .milliseconds(300))
    }
    #expect(error.code == .timeout(.total))
    #expect(error.message == "not finished within 0.3 s")
  }

  @Test func `for the whole runs from the start`() async throws {
    let error = try await failure {
      try await limited("https://127.0.0.1:\(server.ports.mute)/", idle: nil, total: .milliseconds(200))
    }
    #expect(error.code == .timeout(.total))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `of the client holds where the request has none`() async throws {
    var configuration = HTTPClientConfiguration(proxy: .none)
    configuration.timeouts.idle = .milliseconds(200)
    let client = HTTPClient(configuration: configuration)
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/silent?key=\(uniqueKey())")))
    }
    #expect(error.code == .timeout(.idle))
  }
}
