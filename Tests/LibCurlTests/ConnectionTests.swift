import LibCurl
import Testing

@Suite struct `Connections` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  @Test(arguments: [false, true])
  func `a connection is reused for the next request`(secure: Bool) async throws {
    let url = secure ? server.secureURL("/connection") : server.url("/connection")
    let first = try await client.text(url)
    for _ in 0..<20 { #expect(try await client.text(url) == first) }
    #expect(try await server.client().text(url) != first)
  }

  @Test func `a connection that is lost during a repeatable request is replaced unnoticed`() async throws {
    let key = uniqueKey()
    let url = server.url("/hang-up-when-reused?key=\(key)")
    #expect(try await client.text(url) == "fresh")
    #expect(try await client.text(url) == "fresh")
    let facts: Facts = try await server.ask("facts", about: key)
    #expect(facts.requests == 3)
  }

  @Test func `a connection that is lost during a POST is reported, and the POST is not sent twice`() async throws {
    let key = uniqueKey()
    let request = HTTPRequest(method: "POST", url: server.url("/hang-up-when-reused?key=\(key)"), body: [1, 2, 3])
    #expect(try await client.execute(request).body.collect() == Array("fresh".utf8))
    let error = try await failure { _ = try await client.execute(request) }
    #expect(error.code == .connectionLost)
    #expect(error.requestMayHaveBeenSent)
    let facts: Facts = try await server.ask("facts", about: key)
    #expect(facts.requests == 2)
    #expect(try await client.execute(request).body.collect() == Array("fresh".utf8))
  }

  @Test func `five hundred requests at once are answered`() async throws {
    let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for number in 0..<500 {
        group.addTask { [client, server] in
          let request = HTTPRequest(method: "POST", url: server.url("/echo"), body: Array("body \(number)".utf8))
          return (number, try await client.json(request, as: Echo.self).body)
        }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    #expect(answers.count == 500)
    #expect(answers.allSatisfy { number, body in body == "body \(number)" })
  }

  @Test func `HTTP/2 is used over TLS if the server supports it`() async throws {
    let url = "https://127.0.0.1:\(server.ports.http2)/"
    let response = try await client.execute(HTTPRequest(url: url))
    #expect(response.version == "HTTP/2")
    #expect(response.status == 200)
    let first = String(decoding: try await response.body.collect(), as: UTF8.self)
    #expect(try await client.text(url) == first)
  }

  @Test func `an HTTP/2 connection is not shared with a body that nobody reads`() async throws {
    let url = "https://127.0.0.1:\(server.ports.http2)/"
    let first = try await client.text(url)
    let unread = try await client.execute(HTTPRequest(url: url + "endless"))
    let second = try await client.text(url)
    #expect(second != first)
    #expect(try await client.text(url) == second)
    #expect(unread.status == 200)
  }
}

@Suite struct `A redirect` {
  let server: TestServer

  init() throws {
    server = try TestServer.running()
  }

  @Test func `a redirect is not followed unless requested`() async throws {
    let response = try await server.client().execute(HTTPRequest(url: server.url("/redirect")))
    #expect(response.status == 302)
    #expect(response.headers["location"] == "/connection")
    #expect(try await response.body.collect() == Array("moved".utf8))
  }

  @Test func `a redirect is followed on request`() async throws {
    let response = try await server.client(followRedirects: true).execute(HTTPRequest(url: server.url("/redirect")))
    #expect(response.status == 200)
    #expect(response.effectiveURL == server.url("/connection"))
    #expect(response.headers["location"] == nil)
  }

  @Test func `a redirect does not carry a secret to another host`() async throws {
    let other = "http://localhost:\(server.ports.plain)/echo"
    let client = server.client(followRedirects: true)
    let request = HTTPRequest(
      url: server.url("/redirect?to=\(other)"), headers: [HTTPField("Authorization", "Bearer secret")])
    let echo: Echo = try await client.json(request)
    #expect(echo.values("Authorization") == [])
  }

  @Test func `a redirect of a write is never followed`() async throws {
    let request = HTTPRequest(method: "POST", url: server.url("/redirect"), body: [1])
    #expect(try await server.client(followRedirects: true).execute(request).status == 302)
  }

  @Test func `a redirect without a location is an ordinary response`() async throws {
    let client = server.client(followRedirects: true)
    #expect(try await client.text(server.url("/redirect-nowhere")) == "multiple choices")
  }

  @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/"])
  func `a redirect to another protocol is refused`(target: String) async throws {
    let client = server.client(followRedirects: true)
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/redirect?to=\(target)")))
    }
    #expect(error.code == .other)
  }

  @Test func `a redirect from https to http is refused`() async throws {
    let client = server.client(followRedirects: true)
    let error = try await failure {
      let target = server.url("/connection")
      _ = try await client.execute(HTTPRequest(url: server.secureURL("/redirect?to=\(target)")))
    }
    #expect(error.code == .other)
  }

  @Test func `a redirect loop ends`() async throws {
    let client = server.client(followRedirects: true)
    let error = try await failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/circle")))
    }
    #expect(error.code == .other)
    #expect(error.message.contains("redirect"))
  }
}
