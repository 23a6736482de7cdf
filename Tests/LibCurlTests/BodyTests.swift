import LibCurl
import Testing

@Suite struct `A response body` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  @Test func `a body arrives piece by piece before its end`() async throws {
    let key = uniqueKey()
    let response = try await client.execute(HTTPRequest(url: server.url("/stream?key=\(key)")))
    var pieces: [String] = []
    for try await bytes in response.body {
      pieces.append(String(decoding: bytes, as: UTF8.self))
      // The server sends the next piece only now: the previous one must have arrived on its own.
      if pieces.count < 3 { try await server.release(key, piece: pieces.count) }
    }
    #expect(pieces == ["piece 0", "piece 1", "piece 2"])
    #expect(response.headers["X-Trailer"] == nil)
  }

  @Test func `a body of many megabytes arrives whole and in order`() async throws {
    let body = try await client.execute(HTTPRequest(url: server.url("/bytes?count=30000000"))).body.collect()
    #expect(body.count == 30_000_000)
    #expect(body.allSatisfy { $0 == UInt8(ascii: "x") })
  }

  @Test func `a body that nobody reads is held back and does not hold up others`() async throws {
    let key = uniqueKey()
    var unread: HTTPResponse? = try await client.execute(HTTPRequest(url: server.url("/flood?key=\(key)")))
    for _ in 0..<200 { _ = try await client.text(server.url("/connection")) }
    #expect(unread?.status == 200)
    unread = nil
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
    // What the kernel's buffers and ours hold, and no more: without backpressure it would be gigabytes.
    #expect(facts.bytes < 32 << 20)
  }

  @Test func `a body that was held back continues where it stopped`() async throws {
    let body = try await client.execute(HTTPRequest(url: server.url("/bytes?count=8000000"))).body
    for _ in 0..<50 { _ = try await client.text(server.url("/connection")) }
    var count = 0
    for try await bytes in body { count += bytes.count }
    #expect(count == 8_000_000)
  }

  @Test func `dropping a body after some pieces ends the transfer`() async throws {
    let key = uniqueKey()
    for try await bytes in try await client.execute(HTTPRequest(url: server.url("/flood?key=\(key)"))).body
    where !bytes.isEmpty { break }
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
  }

  @Test func `a body outlives the client's last reference`() async throws {
    let body = try await server.client().execute(HTTPRequest(url: server.url("/bytes?count=3000000"))).body
    #expect(try await body.collect().count == 3_000_000)
  }

  @Test func `a body is refused as soon as it is known to be too large`() async throws {
    let declared = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/bytes?count=1001"))).body.collect(upTo: 1000)
    }
    #expect(declared.code == .bodyTooLarge)
    #expect(declared.message.contains("1000 bytes"))
    let key = uniqueKey()
    let endless = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/flood?key=\(key)"))).body.collect(upTo: 1_000_000)
    }
    #expect(endless.code == .bodyTooLarge)
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
    #expect(
      try await client.execute(HTTPRequest(url: server.url("/bytes?count=1000"))).body.collect(upTo: 1000).count == 1000
    )
  }

  @Test func `the size of a body is counted after decompression`() async throws {
    let request = HTTPRequest(url: server.url("/bomb?megabytes=300"))
    let error = try await failure { _ = try await client.execute(request).body.collect() }
    #expect(error.code == .bodyTooLarge)
    #expect(error.message.contains("\(64 << 20) bytes"))
    let small = HTTPRequest(url: server.url("/bomb?megabytes=5"))
    #expect(try await client.execute(small).body.collect() == [UInt8](repeating: 0, count: 5 << 20))
  }

  @Test func `a body cannot be read by two tasks at once`() async throws {
    let key = uniqueKey()
    let body = try await client.execute(HTTPRequest(url: server.url("/stream?key=\(key)"))).body
    var first = body.makeAsyncIterator()
    #expect(try await first.next() == Array("piece 0".utf8))
    let codes = await withTaskGroup(of: HTTPClientError.Code?.self) { group in
      for _ in 0..<2 {
        group.addTask {
          var iterator = body.makeAsyncIterator()
          do {
            _ = try await iterator.next()
            return nil
          } catch {
            return (error as? HTTPClientError)?.code
          }
        }
      }
      // One of them waits and one is refused; the refused one comes first, because the server sends nothing yet.
      var codes = [await group.next() ?? nil]
      try? await server.release(key, piece: 1)
      codes.append(await group.next() ?? nil)
      return codes
    }
    #expect(codes == [.other, nil])
  }
}

@Suite struct `Canceling a task` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  @Test func `cancellation ends a request that waits for its response`() async throws {
    let key = uniqueKey()
    let task = Task { [client, server] in
      try await client.execute(HTTPRequest(url: server.url("/silent?key=\(key)")))
    }
    let arrived: Arrived = try await server.ask("arrived", about: key)
    #expect(arrived.arrived)
    task.cancel()
    let error = try await failure { _ = try await task.value }
    #expect(error.code == .cancelled)
    #expect(error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
  }

  @Test func `cancellation ends a body that is being read`() async throws {
    let key = uniqueKey()
    let (firstPieces, started) = AsyncStream.makeStream(of: Void.self)
    let task = Task { [client, server] in
      for try await _ in try await client.execute(HTTPRequest(url: server.url("/stream?key=\(key)"))).body {
        started.yield()
      }
    }
    for await _ in firstPieces { break }
    task.cancel()
    let error = try await failure { try await task.value }
    #expect(error.code == .cancelled)
    #expect(error.responseBytesReceived > 0)
  }

  @Test func `cancellation is visible to the server in the middle of a body`() async throws {
    let key = uniqueKey()
    let (pieces, started) = AsyncStream.makeStream(of: Void.self)
    let task = Task { [client, server] in
      for try await _ in try await client.execute(HTTPRequest(url: server.url("/flood?key=\(key)"))).body {
        started.yield()
      }
    }
    for await _ in pieces { break }
    task.cancel()
    #expect(try await failure { try await task.value }.code == .cancelled)
    let facts: Facts = try await server.ask("closed", about: key)
    #expect(facts.closed == true)
  }

  @Test func `cancellation before the request begins sends nothing`() async throws {
    let key = uniqueKey()
    let task = Task { [client, server] in
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try await client.execute(HTTPRequest(url: server.url("/echo?key=\(key)")))
    }
    let error = try await failure { try await task.value }
    #expect(error.code == .cancelled)
    #expect(!error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("facts", about: key)
    #expect(facts.requests == 0)
  }
}
