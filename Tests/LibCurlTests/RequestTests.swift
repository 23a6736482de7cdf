import LibCurl
import Testing

@Suite struct `A request` {
  let server: TestServer
  let client: HTTPClient

  init() throws {
    server = try TestServer.running()
    client = server.client()
  }

  @Test func `a simple request is a GET without a body`() async throws {
    let response = try await client.execute(HTTPRequest(url: server.url("/echo?a=1&b=%20")))
    #expect(response.status == 200)
    #expect(response.version == "HTTP/1.1")
    #expect(response.effectiveURL == server.url("/echo?a=1&b=%20"))
    let echo: Echo = try await client.json(HTTPRequest(url: server.url("/echo?a=1&b=%20")))
    #expect(echo.method == "GET")
    #expect(echo.path == "/echo?a=1&b=%20")
    #expect(echo.body.isEmpty)
    #expect(echo.values("User-Agent") == ["setpoint"])
    #expect(echo.values("Content-Type") == [])
    #expect(echo.values("Content-Length") == [])
  }

  @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "GET"])
  func `a request carries its body and headers with any method`(method: String) async throws {
    let body = #"{"name": "support-chat", "note": "größer"}"#
    let echo: Echo = try await client.json(
      HTTPRequest(
        method: method, url: server.url("/echo"),
        headers: [
          HTTPField("Content-Type", "application/json"), HTTPField("Authorization", "Bearer abc"),
          HTTPField("X-Twice", "one"), HTTPField("X-Twice", "two"), HTTPField("X-Empty", ""),
          HTTPField("X-Spaces", "  "),
        ], body: Array(body.utf8)))
    #expect(echo.method == method)
    #expect(echo.body.unicodeScalars.map { UInt8($0.value) } == Array(body.utf8))
    #expect(echo.values("content-type") == ["application/json"])
    #expect(echo.values("authorization") == ["Bearer abc"])
    #expect(echo.values("x-twice") == ["one", "two"])
    #expect(echo.values("x-empty") == [""])
    #expect(echo.values("x-spaces") == [""])
  }

  @Test(arguments: [("POST", ["0"]), ("PUT", ["0"]), ("PATCH", ["0"]), ("DELETE", []), ("OPTIONS-LIKE", [])])
  func `a request without a body says so if its method requires it`(method: String, length: [String]) async throws {
    guard method != "OPTIONS-LIKE" else {
      // A method that this server does not know: it is sent as it is, and answered by the server.
      let response = try await client.execute(HTTPRequest(method: method, url: server.url("/echo")))
      #expect(response.status == 501)
      return
    }
    let echo: Echo = try await client.json(HTTPRequest(method: method, url: server.url("/echo")))
    #expect(echo.method == method)
    #expect(echo.values("Content-Length") == length)
    #expect(echo.values("Content-Type") == [])
    #expect(echo.values("Expect") == [])
  }

  @Test func `a HEAD request gets headers and no body`() async throws {
    let response = try await client.execute(HTTPRequest(method: "HEAD", url: server.url("/bytes?count=500")))
    #expect(response.status == 200)
    #expect(response.headers["Content-Length"] == "500")
    #expect(try await response.body.collect().isEmpty)
  }

  @Test func `a request with a body of many megabytes arrives whole`() async throws {
    struct Length: Decodable {
      let length: Int
    }
    let body = [UInt8](repeating: 7, count: 20_000_000)
    let answer: Length = try await client.json(HTTPRequest(method: "POST", url: server.url("/length"), body: body))
    #expect(answer.length == body.count)
  }

  @Test(arguments: [200, 204, 301, 304, 400, 404, 418, 429, 500, 503])
  func `a request returns whatever status the server sends`(status: Int) async throws {
    let response = try await client.execute(HTTPRequest(url: server.url("/status?code=\(status)")))
    #expect(response.status == status)
  }

  @Test func `the headers of a response are in order and found in any case`() async throws {
    let headers = try await client.execute(HTTPRequest(url: server.url("/fields"))).headers
    #expect(headers["set-cookie"] == "a=1")
    #expect(headers.all("SET-COOKIE") == ["a=1", "b=2"])
    #expect(headers["X-Odd"] == "padded")
    #expect(headers["X-Empty"] == "")
    #expect(headers["X-Absent"] == nil)
    #expect(headers.all("X-Absent") == [])
  }

  @Test func `early hints are not mistaken for the response`() async throws {
    let response = try await client.execute(HTTPRequest(url: server.url("/early-hints")))
    #expect(response.status == 200)
    #expect(response.headers["X-Real"] == "yes")
    #expect(response.headers["Link"] == nil)
    #expect(try await response.body.collect() == Array("after the hints".utf8))
  }

  @Test func `compressed bodies are decompressed`() async throws {
    #expect(try await client.text(server.url("/gzip")) == "small text")
    let echo: Echo = try await client.json(HTTPRequest(url: server.url("/echo")))
    #expect(echo.values("Accept-Encoding").first?.contains("gzip") == true)
  }
}

@Suite struct `A request that cannot be sent` {
  static let url = "http://127.0.0.1:1/path"

  static let refused: [(request: HTTPRequest, reason: String)] = [
    (HTTPRequest(url: url, headers: [HTTPField("X-A", "b\r\nX-Evil: 1")]), "header X-A contains a carriage return"),
    (HTTPRequest(url: url, headers: [HTTPField("X-A", "b\nX-Evil: 1")]), "header X-A contains a line feed"),
    (HTTPRequest(url: url, headers: [HTTPField("X-A", "b\0c")]), "header X-A contains a NUL byte"),
    (HTTPRequest(url: url, headers: [HTTPField("X-A", "b\u{1B}c")]), "header X-A contains a control character"),
    (HTTPRequest(url: url, headers: [HTTPField("X-A\r\nX-Evil", "1")]), "header name"),
    (HTTPRequest(url: url, headers: [HTTPField("X A", "1")]), "header name"),
    (HTTPRequest(url: url, headers: [HTTPField("X-A:", "1")]), "header name"),
    (HTTPRequest(url: url, headers: [HTTPField("", "1")]), "header name is empty"),
    (HTTPRequest(url: url, headers: [HTTPField("content-length", "1")]), "the client sets the header content-length"),
    (HTTPRequest(url: url, headers: [HTTPField("Transfer-Encoding", "chunked")]), "the client sets the header"),
    (HTTPRequest(method: "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\n", url: url), "method"),
    (HTTPRequest(method: "", url: url), "method"),
    (HTTPRequest(method: "CONNECT", url: url), "method"),
    (HTTPRequest(method: "HEAD", url: url, body: [1]), "HEAD request must not have a body"),
    (HTTPRequest(url: url + "\r\nX-Evil: 1"), "carriage return"),
    (HTTPRequest(url: url + "\n"), "line feed"),
    (HTTPRequest(url: url + "\0"), "NUL byte"),
    (HTTPRequest(url: url + " HTTP/1.1"), "a space"),
    (HTTPRequest(url: "127.0.0.1/path"), "not an absolute http or https URL"),
    (HTTPRequest(url: ""), "not an absolute http or https URL"),
    (HTTPRequest(url: "http://"), "not an absolute http or https URL"),
    (HTTPRequest(url: "http://127.0.0.1:99999/"), "not an absolute http or https URL"),
    (HTTPRequest(url: "file:///etc/passwd"), "only http and https"),
    (HTTPRequest(url: "ftp://127.0.0.1/"), "only http and https"),
  ]

  @Test(arguments: refused.indices)
  func `a request that cannot be sent is refused with the reason`(index: Int) async throws {
    let (request, reason) = Self.refused[index]
    let client = HTTPClient()
    let error = try await failure { _ = try await client.execute(request) }
    #expect(error.code == .invalidRequest)
    #expect(error.message.contains(reason), "\(error)")
    #expect(!error.requestMayHaveBeenSent)
    #expect(!"\(error)".contains("Evil"))
    #expect(!"\(error)".contains("\r"))
  }

  @Test func `a request with an invalid user agent of the client is refused too`() async throws {
    let client = HTTPClient(configuration: HTTPClientConfiguration(userAgent: "a\r\nX-Evil: 1"))
    let error = try await failure { _ = try await client.execute(HTTPRequest(url: Self.url)) }
    #expect(error.code == .invalidRequest)
    #expect(error.message.contains("User-Agent"))
  }
}
