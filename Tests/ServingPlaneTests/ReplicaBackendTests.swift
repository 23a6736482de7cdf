import CanonicalJSON
import Gateway
import Logging
import Testing

@testable import ServingPlane

/// Planes whose replicas are not processes.
@Suite(.serialized)
struct ReplicaBackendTests {
  @Test func `a plane serves from the replicas of another backend, and replaces one that exits`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        let settled = try await plane.waitUntilSettled("chat")
        #expect(settled.state["ready"] == "READY", "\(settled.pendingEntity.deploymentMessage)")
        let sentence = try await plane.chat("chat").sentence
        #expect(sentence == "Hello from memory")

        let first = try #require(backend.running.first)
        backend.exit(first, with: .signal(9), saying: "these were its last words\n")
        try await eventually("it is replaced") {
          backend.running.count == 1 && !backend.running.contains(first) && backend.remaining.count == 1
        }
        _ = try await plane.wait("chat") {
          $0.state["ready"] == "READY" && $0.activeEntity.deployment == "DEPLOYMENT_READY"
        }
        let logs = try await plane.call("GET", "/api/2.0/serving-endpoints/chat/served-models/hello-1/logs")
        #expect(logs.json["logs"]?.stringValue?.contains("Starting to load model") == true, "\(logs.text)")
        #expect(backend.logged.count == 2, "the log of the one that exited can still be read")

        _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
        try await eventually("nothing is left") { backend.remaining.isEmpty && backend.logged.isEmpty }
      }
    }
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `a replica that does not take a request is checked at once, and the request is answered`() async throws {
    let data = TestData()
    let (tokens, token) = AsyncStream<Void>.makeStream()
    try await withMemoryBackend { backend in
      backend.onToken { token.yield() }
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.timing.probeEvery = .seconds(600)
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        var requested = tokens.makeAsyncIterator()
        // Those of the start and of the first usual check.
        for _ in 1...2 { _ = await requested.next() }
        backend.refuseTokens(1)
        let answer = try await plane.chat("chat")
        #expect(answer.sentence == "Hello from memory", "\(answer.text)")
        // The one that was refused, the check's, and the one that was sent again.
        for _ in 1...3 { _ = await requested.next() }
      }
    }
  }

  @Test func `changed settings for a plane are a new config version with the same replicas`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        func set(_ settings: String) -> JSONValue { entity("hello", 1, environment: ["SETPOINT_PLANE": settings]) }
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [set(#"{"concurrency":1}"#)])
        _ = try await plane.waitUntilSettled("chat")
        let before = backend.running
        let changed = #"{"concurrency":2,"queue":{"length":5}}"#
        let put = try await plane.put("chat", [set(changed)])
        #expect(put.json.state["config_update"] == "NOT_UPDATING", "\(put.text)")
        #expect(put.json["config"]?["config_version"] == 2)
        #expect(put.json.activeEntity["environment_vars"] == ["SETPOINT_PLANE": .string(changed)])
        let sentence = try await plane.chat("chat").sentence
        #expect(sentence == "Hello from memory")
        #expect(backend.running == before && backend.starts == 1)
      }
    }
  }

  @Test func `a plane adopts the replicas of another backend by what it kept for that backend`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, end: .abrupt, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1, size: "Medium")])
        _ = try await plane.waitUntilSettled("chat")
      }
      let left = backend.running
      #expect(left.count == 2)
      backend.addStray("stray")
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        let found = try await plane.get("chat").json
        #expect(found.state["ready"] == "READY")
        #expect(backend.running == left)
        #expect(backend.starts == 2)
        let sentence = try await plane.chat("chat").sentence
        #expect(sentence == "Hello from memory")
        // An adopted replica is supervised like any other.
        backend.exit(left[0], with: .code(1))
        try await eventually("it is replaced") { backend.starts == 3 && backend.remaining.count == 2 }
      }
      #expect(backend.remaining == [])
    }
  }

  @Test func `an endpoint that is deleted while its replica generates its first token leaves nothing behind`()
    async throws
  {
    let data = TestData()
    try await withMemoryBackend { backend in
      let (tokens, generated) = AsyncStream<Void>.makeStream()
      backend.onToken { generated.yield() }
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.startBurst = 1000
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        for round in 1...10 {
          let created = try await plane.create("chat-\(round)", [entity("hello", 1)])
          #expect(created.status == 200, "\(created.text)")
          for await _ in tokens { break }
          let deleted = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat-\(round)")
          #expect(deleted.status == 200, "\(deleted.text)")
          try await eventually("nothing is left") { backend.remaining.isEmpty && backend.logged.isEmpty }
        }
      }
      #expect(backend.starts > 0)
      #expect(backend.remaining == [])
    }
  }

  @Test func `the log names a deleted endpoint when its last replica stops`() async throws {
    let (data, output) = (TestData(), RecordingLogHandler.Output())
    let log = Logger(label: "plane") { _ in RecordingLogHandler(output: output) }
    try await withMemoryBackend { backend in
      try await withPlane(data, log: log, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
        try await eventually("the replica stops") { output.facts(of: "replica stopped") != nil }
      }
    }
    #expect(output.facts(of: "replica stopped")?["endpoint"] == "chat")
  }

  // MARK: Records

  private func record(
    _ id: String, endpoint: String = "chat", version: Int = 1, address: UpstreamAddress = .tcp(host: "a", port: 1),
    handle: ReplicaHandle = ReplicaHandle()
  ) -> ReplicaRecord {
    ReplicaRecord(
      id: id, endpoint: endpoint,
      launch: LaunchConfig(model: "hello", version: version, workloadType: "CPU", environment: [:]), configVersion: 1,
      placement: ReplicaPlacement(address: address, devices: [1], handle: handle), created: 1)
  }

  @Test func `adoption keeps what is needed, ends what is not, and reports what is gone`() async throws {
    let backend = MemoryBackend()
    let version = ModelVersion(
      model: "hello", number: 1, task: "llm/v1/chat", entrypoint: "vllm serve m", artifacts: "/", source: "/",
      created: 0)
    var records = [record("needed"), record("old", version: 2), record("deleted", endpoint: "other")]
    for index in records.indices {
      records[index].handle = try await backend.start(records[index], ReplicaModel(version: version)).handle
    }
    var past = record("past")
    past.ended = 5
    backend.addStray("stray")
    let wanted = ["chat": Set([records[0].launch])]
    let findings = await ReplicaAdoption(backend: backend, records: records + [record("gone"), past]).findings(
      wanted: wanted)
    let words = findings.map { finding in
      switch finding {
      case .past(let record): "past \(record.id)"
      case .adopt(let record, _): "adopt \(record.id)"
      case .leaving(let record, _): "leaving \(record.id)"
      case .lost(let record): "lost \(record.id)"
      case .swept(let record): "swept \(record.id)"
      case .orphans(let count): "orphans \(count)"
      }
    }
    #expect(words == ["adopt needed", "swept old", "swept deleted", "lost gone", "past past", "orphans 1"])
    #expect(backend.running == ["needed"])
  }

  @Test func `a record keeps what its backend needs to find the replica, whichever backend that is`() throws {
    var process = ProcessHandle(directory: "/data/r", temporary: "/tmp/sp-r", workingDirectory: "/models/hello")
    process.process = ProcessTable.Identity(pid: 7, startTicks: 9)
    process.sharedMemory = ["/dev/shm/psm_1"]
    #expect(ProcessHandle(process.stored) == process)
    let pod = ReplicaHandle(members: ["pod": ["name": "chat-0", "uid": "u"]])
    #expect(ProcessHandle(pod) == nil)
    for written in [
      record("r", address: .tcp(host: "127.0.0.1", port: 20_001), handle: process.stored),
      record("r", address: .tcp(host: "chat-0.replicas", port: 8000), handle: pod),
      record("r", address: .unixSocket(path: "/run/r")),
    ] {
      let read = try ReplicaRecord(document: written.document())
      #expect(read == written)
      #expect(read.address == written.address)
    }
  }

  @Test func `the record of a process has the form in which earlier versions read it`() throws {
    let process = ProcessHandle(directory: "/data/r", temporary: "/tmp/sp-r", workingDirectory: "/models/hello")
    let written = record("r", address: .tcp(host: "127.0.0.1", port: 20_001), handle: process.stored)
    let document = try JSONValue(parsing: written.document()).objectValue ?? [:]
    #expect(
      document.keys.sorted() == [
        "configVersion", "created", "devices", "directory", "endpoint", "id", "launch", "port", "sharedMemory",
        "temporary", "wasReady", "workingDirectory",
      ])
    #expect(document["port"] == 20_001)
  }
}
