import Foundation
import LibCurl
import Testing

@Suite struct `A client` {
  let server: TestServer

  init() throws {
    server = try TestServer.running()
  }

  @Test func `a client that was shut down accepts no request`() async throws {
    let client = server.client()
    _ = try await client.text(server.url("/connection"))
    await client.shutdown()
    await client.shutdown()
    let error = try await failure { _ = try await client.text(server.url("/connection")) }
    #expect(error.code == .shutDown)
    #expect(!error.requestMayHaveBeenSent)
  }

  @Test func `a client that was shut down before its first request accepts none either`() async throws {
    let client = server.client()
    await client.shutdown()
    #expect(try await failure { _ = try await client.text(server.url("/connection")) }.code == .shutDown)
  }

  @Test func `shutting down a client fails its requests in flight`() async throws {
    let client = server.client()
    let (waiting, reading) = (uniqueKey(), uniqueKey())
    let body = try await client.execute(HTTPRequest(url: server.url("/stall?key=\(reading)"))).body
    async let unanswered = failure {
      _ = try await client.execute(HTTPRequest(url: server.url("/silent?key=\(waiting)")))
    }
    let arrived: Arrived = try await server.ask("arrived", about: waiting)
    #expect(arrived.arrived)
    await client.shutdown()
    #expect(try await unanswered.code == .shutDown)
    #expect(try await failure { _ = try await body.collect() }.code == .shutDown)
    for key in [waiting, reading] {
      let facts: Facts = try await server.ask("closed", about: key)
      #expect(facts.closed == true)
    }
  }

  @Test
  func `a client starts no thread before its first request and leaves none behind`() async throws {
    let url = server.url("/connection")
    await #expect(processExitsWith: .success) { [url = url as String] in
      let configuration = HTTPClientConfiguration(proxy: .none)
      // The first client adds what stays: the threads of the runtime, and the setup of libcurl and OpenSSL.
      let first = HTTPClient(configuration: configuration)
      _ = try await first.text(url)
      await first.shutdown()
      let (threads, files) = (try count("task"), try count("fd"))

      let unused = (0..<100).map { _ in HTTPClient(configuration: configuration) }
      #expect(try count("task") < threads + 50)
      #expect(unused.count == 100)

      for _ in 0..<100 {
        let client = HTTPClient(configuration: configuration)
        _ = try await client.text(url)
        await client.shutdown()
      }
      for _ in 0..<100 { _ = try await HTTPClient(configuration: configuration).text(url) }
      // A thread that was told to end takes a moment to disappear.
      let patience = ContinuousClock.now + .seconds(30)
      while try count("task") >= threads + 50 || count("fd") >= files + 50, .now < patience { await Task.yield() }
      #expect(try count("task") < threads + 50)
      #expect(try count("fd") < files + 50)
    }
  }
}

/// How many threads (`task`) or open files (`fd`) this process has.
private func count(_ what: String) throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(what)").count
}
