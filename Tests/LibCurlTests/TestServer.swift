import Foundation
import LibCurl
import Testing

/// The server of `Server/server.py`, started once for all tests. It ends with the test process, when its standard input
/// closes.
struct TestServer: Sendable {
  struct Address: Decodable, Sendable {
    struct Ports: Decodable, Sendable {
      let plain, secure, stranger, proxy, http2, mute, closed, smtp, distantSMTP: Int
    }
    let ports: Ports
    let caFile: String
  }

  let ports: Address.Ports
  let caFile: String
  private let standardInput: FileHandle

  static func running() throws -> TestServer { try shared.get() }

  /// A second server, for tests that measure time: the load of the others does not slow it down.
  static func quiet() throws -> TestServer { try unloaded.get() }

  private static let shared = Result { try TestServer() }
  private static let unloaded = Result { try TestServer() }

  private init() throws {
    let script = try #require(Bundle.module.url(forResource: "Server/server", withExtension: "py"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", script.path]
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var line = Data()
    while line.last != UInt8(ascii: "\n") {
      let more = output.fileHandleForReading.availableData
      try #require(!more.isEmpty, "the test server ended before it printed its ports; it needs python3 and openssl")
      line += more
    }
    let address = try JSONDecoder().decode(Address.self, from: line)
    ports = address.ports
    caFile = address.caFile
    standardInput = input.fileHandleForWriting
  }

  func url(_ path: String) -> String { "http://127.0.0.1:\(ports.plain)\(path)" }

  func secureURL(_ path: String) -> String { "https://127.0.0.1:\(ports.secure)\(path)" }

  /// A client that trusts the server and ignores the proxy settings of the machine.
  func client(followRedirects: Bool = false) -> HTTPClient {
    HTTPClient(
      configuration: HTTPClientConfiguration(caFile: caFile, proxy: .none, followRedirects: followRedirects))
  }

  /// Asks the server about the request with a key, over a separate client.
  func ask<Answer: Decodable>(_ question: String, about key: String, as: Answer.Type = Answer.self) async throws
    -> Answer
  {
    try await client().json(HTTPRequest(url: url("/\(question)?about=\(key)")))
  }

  func release(_ key: String, piece: Int) async throws {
    _ = try await client().execute(HTTPRequest(url: url("/release?about=\(key)&piece=\(piece)"))).body.collect()
  }
}

struct Arrived: Decodable {
  let arrived: Bool
}

struct Facts: Decodable {
  let closed: Bool?
  let requests: Int
  let bytes: Int
}

struct Echo: Decodable {
  let method: String
  let path: String
  let headers: [[String]]
  let body: String
  let connection: Int

  func values(_ name: String) -> [String] {
    headers.filter { $0[0].lowercased() == name.lowercased() }.map { $0[1] }
  }
}

extension HTTPClient {
  func json<Answer: Decodable>(_ request: HTTPRequest, as: Answer.Type = Answer.self) async throws -> Answer {
    try JSONDecoder().decode(Answer.self, from: Data(try await execute(request).body.collect()))
  }

  func text(_ url: String) async throws -> String {
    String(decoding: try await execute(HTTPRequest(url: url)).body.collect(), as: UTF8.self)
  }
}

/// A key under which the server records one request.
func uniqueKey() -> String { UUID().uuidString }

/// The `HTTPClientError` that `body` must throw.
func failure(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> HTTPClientError {
  try #require(await #expect(throws: HTTPClientError.self, sourceLocation: sourceLocation) { try await body() })
}
