import Foundation
import LibCurl
import Testing

/// The test proxy's response to a plain request instead of passing it on.
struct Proxied: Codable, Equatable {
  let proxied: String
  let user: String
}

/// In a process that uses a client and has default signals, like a command-line tool.
func restoreDefaultSIGPIPE() {
  signal(SIGPIPE, SIG_DFL)
}

@Suite struct `A proxy` {
  let server: TestServer

  init() throws {
    server = try TestServer.running()
  }

  private func client(_ proxy: HTTPClientConfiguration.Proxy) -> HTTPClient {
    HTTPClient(configuration: HTTPClientConfiguration(caFile: server.caFile, proxy: proxy))
  }

  @Test func `a proxy in the environment is used, except for the hosts in no_proxy`() async throws {
    let (proxy, url) = ("http://aladdin:opensesame@127.0.0.1:\(server.ports.proxy)", server.url("/connection"))
    // The environment belongs to the whole process, so this needs its own process.
    await #expect(processExitsWith: .success) { [proxy = proxy as String, url = url as String] in
      for name in ["no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"] { unsetenv(name) }
      setenv("http_proxy", proxy, 1)
      let seen: Proxied = try await HTTPClient().json(HTTPRequest(url: url))
      #expect(seen == Proxied(proxied: url, user: "aladdin:opensesame"))
      setenv("no_proxy", "example.com,127.0.0.1", 1)
      #expect(Int(try await HTTPClient().text(url)) != nil)
      unsetenv("no_proxy")
      let direct = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))
      #expect(Int(try await direct.text(url)) != nil)
    }
  }

  @Test func `a proxy in the configuration is used, with its exceptions`() async throws {
    let proxy = "http://127.0.0.1:\(server.ports.proxy)"
    let url = server.url("/connection")
    let seen: Proxied = try await client(.url(proxy)).json(HTTPRequest(url: url))
    #expect(seen == Proxied(proxied: url, user: ""))
    #expect(Int(try await client(.url(proxy, except: "127.0.0.1")).text(url)) != nil)
  }

  @Test func `a proxy tunnels TLS, and its own headers are not mistaken for the response's`() async throws {
    let client = client(.url("http://127.0.0.1:\(server.ports.proxy)"))
    let response = try await client.execute(HTTPRequest(url: server.secureURL("/connection")))
    #expect(response.status == 200)
    #expect(response.headers["X-Proxy"] == nil)
    let first = try await response.body.collect()
    #expect(try await client.execute(HTTPRequest(url: server.secureURL("/connection"))).body.collect() == first)
  }

  @Test func `a proxy that refuses is named as the cause, without its password`() async throws {
    let client = client(.url("http://denied:hunter2@127.0.0.1:\(server.ports.proxy)"))
    let error = try await failure { _ = try await client.execute(HTTPRequest(url: server.secureURL("/connection"))) }
    #expect(error.code == .proxy)
    #expect(error.message.contains("407"))
    #expect(!"\(error)".contains("hunter2"))
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `a missing proxy is a failure to connect`() async throws {
    let client = client(.url("http://127.0.0.1:\(server.ports.closed)"))
    let error = try await failure { _ = try await client.execute(HTTPRequest(url: server.url("/connection"))) }
    #expect(error.code == .connect)
    #expect(error.message.contains("\(server.ports.closed)"))
  }
}
