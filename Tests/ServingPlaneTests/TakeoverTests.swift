import CanonicalJSON
import FoundationEssentials
import Glibc
import LibCurl
import ServingAPI
import Synchronization
import Testing

@testable import ServingPlane

/// Clients that send requests without a pause, each on its own connections, and count those that are not answered.
private final class Load: Sendable {
  private let state = Mutex<(answered: Int, failures: [String])>((0, []))
  private let isOver = Mutex(false)

  var answered: Int { state.withLock { $0.answered } }
  var failures: [String] { state.withLock { $0.failures } }
  func stop() { isOver.withLock { $0 = true } }

  func note(_ answer: PlaneClient.ClientResponse) {
    state.withLock { state in
      if answer.status == 200 {
        state.answered += 1
      } else {
        state.failures.append("\(answer.status) \(answer.text)")
      }
    }
  }

  func run(_ url: String, _ token: String, _ ask: @Sendable (PlaneClient) async throws -> PlaneClient.ClientResponse)
    async
  {
    let client = PlaneClient(url: url, token: token)
    while !isOver.withLock({ $0 }) {
      do {
        note(try await ask(client))
      } catch { state.withLock { $0.failures.append("\(error)") } }
    }
    await client.http.shutdown()
  }
}

@Suite(.serialized)
struct TakeoverTests {
  private func servers(_ data: TestData) throws -> Set<ProcessTable.Identity> {
    Set(try data.replicaProcesses().filter { $0.identity.pid == $0.session }.map(\.identity))
  }

  private func token(_ data: TestData) throws -> String {
    try String(contentsOfFile: data.settings.tokenPath, encoding: .utf8).trimming("\n")
  }

  @Test func `replacing the binary of a plane under load fails no request and restarts no replica`() async throws {
    let data = TestData()
    var plane = try BinaryRun.serve(data, "--port", "0")
    let url = try await plane.listening()
    let token = try token(data)
    let client = PlaneClient(url: url, token: token)
    _ = try await client.register("hello", try data.model(say: "one two three four five", switches: ["token_ms": 4]))
    _ = try await client.create("chat", [entity("hello", 1, size: "Medium")])
    _ = try await client.waitUntilSettled("chat")
    let before = try servers(data)
    #expect(before.count == 2)
    let load = Load()
    try await withThrowingTaskGroup(of: Void.self) { clients in
      for _ in 0..<8 { clients.addTask { await load.run(url, token) { try await $0.chat("chat") } } }
      clients.addTask { await load.run(url, token) { try await $0.get("chat") } }
      clients.addTask {
        await load.run(url, token) {
          try await $0.call(
            "PATCH", "/api/2.0/serving-endpoints/chat/tags", ["add_tags": [["key": "k", "value": "v"]]])
        }
      }
      defer { load.stop() }
      for _ in 0..<3 {
        // An answer that begins under the old plane and ends long after the new one has taken over.
        async let long = client.call(
          "POST", "/serving-endpoints/chat/invocations",
          ["messages": [["role": "user", "content": "Hi"]], "max_tokens": 500, "ignore_eos": true])
        let soFar = load.answered
        try await eventually("the load runs") { load.answered > soFar + 50 || !load.failures.isEmpty }
        let next = try BinaryRun.serve(data, "--takeover")
        let sameURL = try await next.listening()
        #expect(sameURL == url, "\(next.text)")
        let exit = try await plane.ended()
        #expect(exit == .code(0), "\(plane.text)")
        let answer = try await long
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["usage"]?["completion_tokens"] == 500)
        plane = next
      }
      let soFar = load.answered
      try await eventually("the last plane serves") { load.answered > soFar + 50 || !load.failures.isEmpty }
      load.stop()
      try await clients.waitForAll()
    }
    #expect(load.failures.isEmpty, "\(load.failures.count) of \(load.answered): \(load.failures.prefix(3))")
    #expect(try servers(data) == before)
    let found = try await client.get("chat").json
    #expect(found.state["ready"] == "READY")
    await client.http.shutdown()
    kill(plane.pid, SIGTERM)
    let exit = try await plane.ended()
    #expect(exit == .code(0), "\(plane.text)")
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test(arguments: [
    (["--takeover", "--port", "1"], "a takeover keeps the address"), ([], "--takeover"),
    (["--no-such-flag"], "unknown option"),
  ])
  func `a new plane that fails to start disturbs nothing`(options: [String], reason: String) async throws {
    let data = TestData()
    let plane = try BinaryRun.serve(data, "--port", "0")
    let client = PlaneClient(url: try await plane.listening(), token: try token(data))
    let broken = try BinaryRun(data, ["serve", "--data", data.settings.dataDirectory] + options)
    let exit = try await broken.ended()
    #expect(exit != .code(0))
    #expect(broken.text.contains(reason), "\(broken.text)")
    let answer = try await client.call("GET", "/api/2.0/serving-endpoints")
    #expect(answer.status == 200)
    #expect(plane.exited == nil)
    await client.http.shutdown()
  }

  /// How far a new plane gets before it dies.
  enum Death: CaseIterable { case afterHello, afterReady, afterTake, withAnotherProtocol }

  @Test(arguments: Death.allCases)
  func `a new plane that dies before the takeover is complete leaves the old one serving`(death: Death) async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello"))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let before = try servers(data)
      for _ in 0..<3 {
        var channel: TakeoverChannel? = try await knock(data)
        let number = PreviousPlane.protocolNumber + (death == .withAnotherProtocol ? 1 : 0)
        try channel?.send(.hello, ["protocol": .int(number), "version": "9.9", "pid": 1])
        _ = try await channel?.receive(.hello, within: .seconds(60))
        if death == .afterReady || death == .afterTake { try channel?.send(.ready) }
        if death == .afterTake {
          let taken = try #require(try await channel?.receive(.take, within: .seconds(60)))
          #expect(taken.descriptors.count >= 2)
          // Held, not lost: a change and a new connection wait until it is decided which plane answers them.
          let other = PlaneClient(url: plane.url, token: plane.token)
          async let change = other.call(
            "PATCH", "/api/2.0/serving-endpoints/chat/tags", ["add_tags": [["key": "k", "value": "v"]]])
          let sentence = try await plane.chat("chat").sentence
          #expect(sentence == "Hello")
          for descriptor in taken.descriptors { close(descriptor) }
          channel = nil
          #expect(try await change.status == 200)
          await other.http.shutdown()
        }
        channel = nil
      }
      let fresh = PlaneClient(url: plane.url, token: plane.token)
      let sentence = try await fresh.chat("chat").sentence
      #expect(sentence == "Hello")
      #expect(try await fresh.put("chat", [entity("hello", 1, size: "Medium")]).status == 200)
      _ = try await fresh.waitUntilSettled("chat")
      #expect(try servers(data).isSuperset(of: before))
      await fresh.http.shutdown()
    }
  }

  @Test func `the plane that keeps serving logs how the takeover failed`() async throws {
    let data = TestData()
    let plane = try BinaryRun.serve(data, "--port", "0")
    _ = try await plane.listening()
    var channel: TakeoverChannel? = try await knock(data)
    try channel?.send(.hello, ["protocol": .int(PreviousPlane.protocolNumber), "version": "9.9", "pid": 1])
    _ = try await channel?.receive(.hello, within: .seconds(60))
    channel = nil
    try await eventually("the failure is logged") { plane.text.contains("the takeover failed") }
    #expect(plane.text.contains("the new plane exited, or closed the connection, before it was ready"), "\(plane.text)")
  }

  /// Connects to the running plane as a new one would.
  private func knock(_ data: TestData) async throws -> TakeoverChannel {
    var descriptor: Int32?
    try await eventually("the takeover socket is open") {
      descriptor = UnixSocket.connect(to: data.settings.takeoverPath)
      return descriptor != nil
    }
    return TakeoverChannel(try #require(descriptor))
  }

  @Test func `the takeover socket belongs to its user alone`() async throws {
    let data = TestData()
    try await withPlane(data) { _ in
      let mode = try FileManager.default.attributesOfItem(atPath: data.settings.takeoverPath)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
    #expect(!FileManager.default.fileExists(atPath: data.settings.takeoverPath))
  }

  @Test func `requests in the old plane's queue keep their place and are answered`() async throws {
    let data = TestData()
    var settings = data.settings
    settings.requestsPerReplica = 1
    settings.runtimeDirectory = data.runtimeParent
    settings.handoverIdle = .seconds(2)
    let adjusted = settings
    try await withPlane(data, adjust: { $0 = adjusted }) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello", switches: ["first_token_ms": 300]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let load = Load()
      try await withThrowingTaskGroup(of: Void.self) { requests in
        for _ in 0..<8 {
          requests.addTask { load.note(try await plane.chat("chat")) }
        }
        try await eventually("the first one is answered") { load.answered > 0 }
        var next = adjusted
        next.takesOver = true
        try await withNext(data, next) { url in
          #expect(url == plane.url)
          try await eventually("all are answered") { load.answered + load.failures.count == 8 }
          // A connection that was opened before is answered by the new plane, through the old one.
          let found = try await plane.get("chat")
          #expect(found.status == 200, "\(found.text)")
        }
        try await requests.waitForAll()
      }
      #expect(load.answered == 8, "\(load.failures)")
    }
  }

  @Test func `a request that waits for a start is refused at a takeover, and can be sent again`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      var settings = data.settings
      settings.backend = backend
      settings.runtimeDirectory = data.runtimeParent
      settings.handoverIdle = .seconds(2)
      let adjusted = settings
      try await withPlane(data, adjust: { $0 = adjusted }) { plane in
        _ = try await plane.register("hello", try data.model())
        let sleepy = entity("hello", 1, environment: ["SETPOINT_PLANE": #"{"idleAfter":"1s"}"#], scalesToZero: true)
        _ = try await plane.create("chat", [sleepy])
        _ = try await plane.wait("chat") { $0.activeEntity.deploymentMessage.hasPrefix("Scaled to zero") }
        try await eventually("its replica has ended") { backend.remaining.isEmpty }
        backend.setLoading(true)
        let load = Load()
        try await withThrowingTaskGroup(of: Void.self) { requests in
          requests.addTask { load.note(try await plane.chat("chat")) }
          try await eventually("a replica is started") { backend.starts == 2 }
          var next = adjusted
          next.takesOver = true
          try await withNext(data, next) { _ in
            try await eventually("it is answered") { load.answered + load.failures.count == 1 }
            backend.setLoading(false)
            let sentence = try await plane.chat("chat").sentence
            #expect(sentence == "Hello from memory")
          }
          try await requests.waitForAll()
        }
        let refusal = try #require(load.failures.first)
        #expect(refusal.hasPrefix("503 ") && refusal.contains("another process has taken over"), "\(refusal)")
      }
    }
  }

  @Test func `no endpoint stops for another one while the previous plane has requests`() async throws {
    let data = TestData()
    var settings = data.settings
    settings.slots = 1
    settings.runtimeDirectory = data.runtimeParent
    settings.handoverIdle = .seconds(2)
    let adjusted = settings
    try await withPlane(data, adjust: { $0 = adjusted }) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello", switches: ["token_ms": 4]))
      for name in ["sleeping", "busy"] {
        _ = try await plane.create(name, [entity("hello", 1, scalesToZero: true)])
        _ = try await plane.waitUntilSettled(name)
      }
      // It lasts until its client hangs up.
      let long = Task {
        try await plane.call(
          "POST", "/serving-endpoints/busy/invocations",
          ["messages": [["role": "user", "content": "Hi"]], "max_tokens": 1_000_000, "ignore_eos": true])
      }
      var next = adjusted
      next.takesOver = true
      try await withNext(data, next) { url in
        let client = PlaneClient(url: url, token: plane.token)
        async let woken = client.chat("sleeping")
        _ = try await client.wait("sleeping") { $0.text().contains("waiting for room") }
        let answer = try await client.chat("busy", maxWait: "0")
        #expect(answer.sentence == "Hello", "\(answer.text)")
        long.cancel()
        let late = try await woken
        #expect(late.sentence == "Hello", "\(late.text)")
        await client.http.shutdown()
      }
      _ = try? await long.value
    }
  }

  /// Runs a second plane on the same data.
  private func withNext(
    _ data: TestData, _ settings: PlaneConfiguration, _ body: @Sendable @escaping (String) async throws -> Void
  ) async throws {
    try await withPlane(data, adjust: { $0 = settings }) { try await body($0.url) }
  }

  @Test func `serve in the background reports the new process to the service manager and the result to its caller`()
    async throws
  {
    let data = TestData()
    let manager = try ServiceManager(data.path + "/notify")
    let plane = try BinaryRun.serve(data, "--port", "0", environment: ["NOTIFY_SOCKET": data.path + "/notify"])
    _ = try await plane.listening()
    #expect(try await manager.mainProcess() == plane.pid)
    let reload = try BinaryRun.serve(
      data, "--takeover", "--background", environment: ["NOTIFY_SOCKET": data.path + "/notify"])
    #expect(try await reload.ended() == .code(0), "\(reload.text)")
    let successor = try await manager.mainProcess()
    #expect(successor != plane.pid && successor != reload.pid)
    #expect(kill(successor, 0) == 0)
    #expect(try await plane.ended() == .code(0))
    let broken = try BinaryRun.serve(
      data, "--takeover", "--background", "--port", "1", environment: ["NOTIFY_SOCKET": data.path + "/notify"])
    #expect(try await broken.ended() != .code(0))
    #expect(broken.text.contains("a takeover keeps the address"), "\(broken.text)")
    #expect(kill(successor, 0) == 0)
    kill(successor, SIGTERM)
    try await eventually("the last plane stops") { ProcessTable.entry(successor)?.isDead != false }
  }

  @Test func `a plane in the background writes to its own log once it is serving, and not to its caller`() async throws
  {
    let data = TestData()
    // Ends only if nothing of the plane holds the pipe any more.
    let start = try BinaryRun.serve(data, "--port", "0", "--verbose", "--background", isPiped: true)
    try await start.ended()
    let signed = try String(contentsOfFile: data.settings.lockPath, encoding: .utf8).trimming("\n")
    let plane = try #require(Int32(signed), "\(start.text)")
    defer { kill(plane, SIGKILL) }
    #expect(start.text.contains("log:          \(data.settings.logPath)"), "\(start.text)")
    let url = try #require(
      start.text.split(separator: "\n").first { $0.contains("listens on ") }?.split(separator: " ").last)
    let client = PlaneClient(url: String(url), token: try token(data))
    _ = try await client.call("POST", "/v1/chat/completions", ["model": "none"])
    try await eventually("the request is in the log") {
      (try? String(contentsOfFile: data.settings.logPath, encoding: .utf8))?.contains("status=404") == true
    }
    #expect(!start.text.contains("status=404"))
    await client.http.shutdown()
    kill(plane, SIGTERM)
    try await eventually("the plane stops") { ProcessTable.entry(plane)?.isDead != false }
  }
}

/// The receiving end of sd_notify(3).
private final class ServiceManager: Sendable {
  private let descriptor: CInt

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(code == 0)
  }

  deinit { close(descriptor) }

  /// The next process that reports itself as the service, ready to serve.
  func mainProcess() async throws -> Int32 {
    var pid: Int32?
    try await eventually("the service says that it is ready") {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
      guard count > 0 else { return false }
      let lines = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n")
      guard lines.contains("READY=1") else { return false }
      pid = lines.first { $0.hasPrefix("MAINPID=") }.flatMap { Int32($0.dropFirst(8)) }
      return pid != nil
    }
    return try #require(pid)
  }
}
