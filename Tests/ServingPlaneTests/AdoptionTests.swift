import CanonicalJSON
import Glibc
import LibCurl
import Synchronization
import Testing

@testable import ServingPlane

/// The statuses of responses.
private final class Statuses: Sendable {
  private let state = Mutex<[Int]>([])
  var all: [Int] { state.withLock { $0 } }
  func add(_ status: Int) { state.withLock { $0.append(status) } }
}

@Suite(.serialized)
struct AdoptionTests {
  private func servers(_ data: TestData) throws -> Set<ProcessTable.Identity> {
    Set(try data.replicaProcesses().filter { $0.identity.pid == $0.session }.map(\.identity))
  }

  @Test func `a plane that was killed finds its endpoints again and adopts its replicas`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello"))
      _ = try await plane.create("chat", [entity("hello", 1, size: "Medium")])
      _ = try await plane.waitUntilSettled("chat")
    }
    let left = try servers(data)
    #expect(left.count == 2)
    try await withPlane(data) { plane in
      let found = try await plane.get("chat").json
      #expect(found.state["ready"] == "READY")
      #expect(found["config"]?["config_version"] == 1)
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello")
      #expect(try servers(data) == left)
      // An adopted replica is monitored and stopped like any other.
      let victim = try #require(left.first)
      kill(victim.pid, SIGKILL)
      try await eventually("it is replaced") {
        let now = try servers(data)
        return now.count == 2 && !now.contains(victim)
      }
    }
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `a query for one served entity may wait while a plane looks for its replicas`() async throws {
    let data = TestData()
    let path = "/serving-endpoints/chat/served-models/main/invocations"
    try await withMemoryBackend { backend in
      let killed = try await withPlane(data, end: .abrupt, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
        _ = try await plane.waitUntilSettled("chat")
        return plane
      }
      let port = try #require(killed.url.split(separator: ":").last.flatMap { Int($0) })
      let early = PlaneClient(url: killed.url, token: killed.token)
      let statuses = Statuses()
      backend.onFind {
        let answer = try? await early.chat("chat", path: path, maxWait: "0")
        statuses.add(answer?.status ?? 0)
      }
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.port = port
        }
      ) { plane in
        #expect(statuses.all == [503], "it could have waited, and did not want to")
        let sentence = try await plane.chat("chat", path: path).sentence
        #expect(sentence == "Hello from memory")
        #expect(backend.starts == 1)
      }
      await early.http.shutdown()
    }
  }

  @Test func `an update continues where the killed plane left it`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      _ = try await plane.register("hello", try data.model(say: "one"))
      _ = try await plane.register("hello", try data.model(say: "two", switches: ["start_ms": 3000]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      _ = try await plane.put("chat", [entity("hello", 2)])
      try await eventually("the new one runs") { try servers(data).count == 2 }
    }
    let left = try servers(data)
    #expect(left.count == 2)
    try await withPlane(data) { plane in
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled["config"]?["config_version"] == 2)
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "two")
      try await eventually("the old one is gone") { try servers(data).count == 1 }
      #expect(try servers(data).isSubset(of: left))
    }
  }

  @Test func `replicas of a deleted endpoint are removed, and so are stray processes with the mark`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.create("other", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      _ = try await plane.waitUntilSettled("other")
    }
    let before = try servers(data)
    #expect(before.count == 2)
    let store = try EndpointStore(path: data.settings.storePath)
    let chat = try #require(try store.endpoints().first { $0.name == "chat" })
    try store.deleteEndpoint(chat.id)
    let stray = try ProcessSpawn.start(
      executable: "/bin/sleep", arguments: ["sleep", "60"],
      environment: [ReplicaMark.variable: "\(store.planeID).0123456789abcdef"], directory: "/", output: "/dev/null")
    // Has the mark of another plane: not ours.
    let stranger = try ProcessSpawn.start(
      executable: "/bin/sleep", arguments: ["sleep", "60"],
      environment: [ReplicaMark.variable: "0000.0123456789abcdef"],
      directory: "/", output: "/dev/null")
    defer { for pid in [stray, stranger] { endAndCollect(pid) } }
    let kept = try #require(
      try store.replicas().first { $0.endpoint != chat.id && $0.ended == nil }.flatMap { ProcessHandle($0.handle) }?
        .process)
    try await withPlane(data) { plane in
      #expect(try servers(data) == [kept])
      let gone = try await plane.get("chat")
      #expect(gone.status == 404)
      #expect(ProcessTable.entry(stray)?.isDead != false)
      #expect(ProcessTable.entry(stranger)?.isDead == false)
    }
  }

  @Test func `a process id that was reused by another process is not adopted`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello"))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
    }
    // Every process of the replica dies; the record then names a live process that is not its own.
    let store = try EndpointStore(path: data.settings.storePath)
    var record = try #require(try store.replicas().first)
    for entry in try data.replicaProcesses() { endAndCollect(entry.identity.pid) }
    let other = try ProcessSpawn.start(
      executable: "/bin/sleep", arguments: ["sleep", "60"], environment: [:], directory: "/", output: "/dev/null")
    defer { endAndCollect(other) }
    var handle = try #require(ProcessHandle(record.handle))
    handle.process = ProcessTable.entry(other)?.identity
    record.handle = handle.stored
    try store.save(record)
    try await withPlane(data) { plane in
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
      #expect(ProcessTable.entry(other)?.isDead == false)
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello")
    }
  }

  @Test func `worker processes whose server died while the plane was away are ended`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
    }
    let all = try data.replicaProcesses()
    let server = try #require(all.first { $0.identity.pid == $0.session })
    let workers = all.filter { $0.identity != server.identity }
    #expect(workers.count == 2)
    endAndCollect(server.identity.pid)
    try await withPlane(data) { plane in
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
      for worker in workers { #expect(!ProcessTable.isAlive(worker.identity)) }
    }
  }
}
