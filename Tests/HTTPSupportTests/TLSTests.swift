import Foundation
import HTTPSupport
import Hummingbird
import LibCurl
import Logging
import Synchronization
import Testing

/// A server with TLS, real certificates, and a real client.
@Suite struct TLSTests {
  /// Certificates for 127.0.0.1, made by openssl. Each is its own authority.
  private final class Certificates: Sendable {
    let folder = NSTemporaryDirectory() + "tls-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/" + name }

    /// Makes a pair, replacing one of the same name.
    @discardableResult
    func make(_ name: String) throws -> TLSFiles {
      let files = TLSFiles(certificate: path("\(name).pem"), key: path("\(name).key"))
      try openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files.key,
        "-out", files.certificate)
      return files
    }

    func openssl(_ arguments: String...) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["openssl"] + arguments
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationStatus == 0, "openssl \(arguments) failed")
    }

    func write(_ text: String, to name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    /// Replaces a pair by another, as a tool that renews certificates does.
    func replace(_ files: TLSFiles, by other: TLSFiles) throws {
      for (old, new) in [(files.certificate, other.certificate), (files.key, other.key)] {
        try Data(contentsOf: URL(fileURLWithPath: new)).write(to: URL(fileURLWithPath: old), options: .atomic)
      }
    }
  }

  private struct Log: LogHandler {
    final class Lines: Sendable {
      private let state = Mutex<[String]>([])
      var all: [String] { state.withLock { $0 } }
      func add(_ line: String) { state.withLock { $0.append(line) } }
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.level): \(event.message) \(event.metadata ?? [:])") }
  }

  private let lines = Log.Lines()
  private var log: Logger { Logger(label: "test") { [lines] _ in Log(lines: lines) } }

  /// Runs a server that answers `hello`.
  private func serve(
    _ tls: TLSIdentity, limits: ClientLimits = ClientLimits(),
    _ body: @escaping @Sendable (_ port: Int) async throws -> Void
  ) async throws {
    let socket = try BoundSocket.tcp(host: "127.0.0.1", port: 0)
    let port = try #require(socket.port)
    let router = Router()
    router.get("/") { _, _ in "hello" }
    var quiet = Logger(label: "server")
    quiet.logLevel = .critical
    let server = SocketServer(
      responder: router.buildResponder(), clients: ClientConnections(limits), tls: tls, logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run(on: [socket]) {} }
      defer { group.cancelAll() }
      try await body(port)
    }
  }

  /// The text of an answer over a new connection.
  private static func get(_ url: String, trusting files: TLSFiles) async throws -> (status: Int, text: String) {
    let client = HTTPClient(configuration: HTTPClientConfiguration(caFile: files.certificate, proxy: .none))
    do {
      let response = try await client.execute(LibCurl.HTTPRequest(url: url))
      let text = String(decoding: try await response.body.collect(), as: UTF8.self)
      await client.shutdown()
      return (response.status, text)
    } catch {
      await client.shutdown()
      throw error
    }
  }

  @Test func `a replaced certificate is used for new connections`() async throws {
    let certificates = try Certificates()
    let (used, first, second) = (
      try certificates.make("used"), try certificates.make("first"), try certificates.make("second")
    )
    try certificates.replace(used, by: first)
    let tls = try TLSIdentity(used, log: log)
    try await serve(tls) { port in
      let url = "https://127.0.0.1:\(port)/"
      #expect(try await Self.get(url, trusting: first).text == "hello")
      tls.reloadIfChanged()
      #expect(try await Self.get(url, trusting: first).text == "hello")
      try certificates.replace(used, by: second)
      tls.reloadIfChanged()
      #expect(try await Self.get(url, trusting: second).text == "hello")
      let refusal = await #expect(throws: HTTPClientError.self) { try await Self.get(url, trusting: first) }
      #expect(refusal?.code == .tls)
    }
    #expect(lines.all.filter { $0.contains("changed TLS certificate") }.count == 1, "\(lines.all)")
  }

  @Test func `a changed pair that cannot be used changes nothing and is reported`() async throws {
    let certificates = try Certificates()
    let (used, kept, other) = (
      try certificates.make("used"), try certificates.make("kept"), try certificates.make("other")
    )
    try certificates.replace(used, by: kept)
    let tls = try TLSIdentity(used, log: log)
    try await serve(tls) { [lines] port in
      try certificates.replace(used, by: TLSFiles(certificate: other.certificate, key: kept.key))
      tls.reloadIfChanged()
      #expect(try await Self.get("https://127.0.0.1:\(port)/", trusting: kept).text == "hello")
      #expect(lines.all.contains { $0.contains("cannot be used") && $0.contains("does not belong to") }, "\(lines.all)")
      // Complete again.
      try certificates.replace(used, by: other)
      tls.reloadIfChanged()
      #expect(try await Self.get("https://127.0.0.1:\(port)/", trusting: other).text == "hello")
    }
  }

  @Test func `a request without TLS gets 400 and is told to use https`() async throws {
    let certificates = try Certificates()
    let files = try certificates.make("server")
    try await serve(try TLSIdentity(files, log: log)) { port in
      let answer = try await Self.get("http://127.0.0.1:\(port)/", trusting: files)
      #expect(answer.status == 400 && answer.text.contains("https://"), "\(answer)")
    }
    #expect(lines.all.contains { $0.hasPrefix("debug: refused a request without TLS") }, "\(lines.all)")
  }

  @Test func `a client that does not finish the handshake is disconnected`() async throws {
    let certificates = try Certificates()
    var limits = ClientLimits()
    limits.headerTimeout = .milliseconds(100)
    try await serve(try TLSIdentity(try certificates.make("server"), log: log), limits: limits) { port in
      let client = try #require(Self.opened(port))
      defer { close(client) }
      // The beginning of a record, of which the rest never comes.
      let begun: [UInt8] = [22, 3, 1, 2, 0]
      #expect(send(client, begun, begun.count, 0) == begun.count)
      var byte: UInt8 = 0
      var count = recv(client, &byte, 1, 0)
      while count > 0 { count = recv(client, &byte, 1, 0) }
      #expect(count == 0 || errno == ECONNRESET, "errno \(errno)")
    }
  }

  /// A connection that waits at most 20 seconds for bytes.
  private static func opened(_ port: Int) -> Int32? {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return code == 0 ? client : nil
  }

  private func refusal(_ files: TLSFiles, at now: Int64? = nil) -> TLSIdentityError? {
    do throws(TLSIdentityError) {
      if let now { _ = try TLSIdentity(files, log: log, now: { now }) } else { _ = try TLSIdentity(files, log: log) }
      return nil
    } catch {
      return error
    }
  }

  @Test func `files that cannot be used are refused with the reason`() throws {
    let certificates = try Certificates()
    let (good, other) = (try certificates.make("good"), try certificates.make("other"))
    #expect(refusal(good) == nil)
    let mixed = try #require(refusal(TLSFiles(certificate: good.certificate, key: other.key)))
    #expect(mixed.message == "the TLS key \(other.key) does not belong to the certificate \(good.certificate)")
    let late = try #require(refusal(good, at: 4_000_000_000))
    #expect(late.message.hasPrefix("the TLS certificate \(good.certificate) expired on "), "\(late)")
    let early = try #require(refusal(good, at: 1_000_000_000))
    #expect(early.message.contains("is not valid before "), "\(early)")
    #expect(early.message.hasSuffix("and it is Sun, 09 Sep 2001 01:46:40 GMT"), "\(early)")
    try certificates.openssl(
      "pkey", "-in", good.key, "-aes256", "-passout", "pass:planted-secret", "-out", certificates.path("locked.key"))
    let locked = try #require(refusal(TLSFiles(certificate: good.certificate, key: certificates.path("locked.key"))))
    #expect(locked.message.contains("is encrypted with a passphrase"), "\(locked)")
    #expect(locked.advice.contains("openssl pkey -in \(certificates.path("locked.key"))"), "\(locked)")
    for (content, reason) in [("", "it is empty"), ("words", "is not a certificate in PEM form")] {
      try certificates.write(content, to: "bad.pem")
      let bad = try #require(refusal(TLSFiles(certificate: certificates.path("bad.pem"), key: good.key)))
      #expect(bad.message.contains(reason), "\(bad)")
    }
    let exchanged = try #require(refusal(TLSFiles(certificate: good.certificate, key: good.certificate)))
    #expect(exchanged.message.contains("is not a private key in PEM form"), "\(exchanged)")
    let missing = try #require(refusal(TLSFiles(certificate: good.certificate, key: certificates.path("none"))))
    #expect(missing.message.contains("No such file or directory") && missing.advice.contains("--tls-key"), "\(missing)")
  }

  @Test func `a key that every user can read is reported, and so is a certificate that expires soon`() throws {
    let certificates = try Certificates()
    let files = try certificates.make("server")
    #expect(chmod(files.key, 0o600) == 0)
    let now = Mutex(Int64(time(nil)))
    let tls = try TLSIdentity(files, log: log, now: { now.withLock { $0 } })
    // It is valid for two days.
    #expect(lines.all.filter { $0.contains("expires soon") }.count == 1, "\(lines.all)")
    #expect(!lines.all.contains { $0.contains("every user") })
    tls.reloadIfChanged()
    #expect(lines.all.count == 1)
    now.withLock { $0 += 3 * 24 * 3600 }
    tls.reloadIfChanged()
    #expect(lines.all.last?.contains("has expired") == true, "\(lines.all)")
    #expect(chmod(files.key, 0o644) == 0)
    _ = try TLSIdentity(files, log: log)
    #expect(lines.all.contains { $0.contains("chmod o= \(files.key)") }, "\(lines.all)")
  }
}
