import CanonicalJSON
import Glibc
import LibCurl
import Synchronization
import Testing

@testable import ServingPlane

@Suite(.serialized)
struct EndpointLifecycleTests {
  @Test func `a created endpoint is deployed, answers and shows its state`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let version = try await plane.register("main.demo.hello", try data.model(say: "Hello from v1"))
      #expect(version == 1)
      let created = try await plane.create("chat", [entity("main.demo.hello", 1, type: "GPU_MEDIUM")])
      #expect(created.status == 200)
      #expect(created.json.state["ready"] == "NOT_READY")
      #expect(created.json.state["config_update"] == "IN_PROGRESS")
      #expect(created.json["config"] == nil)
      #expect(created.json["pending_config"]?["config_version"] == 1)
      #expect(created.json.pendingEntity.deployment == "DEPLOYMENT_CREATING")
      #expect(created.json["id"]?.stringValue?.count == 32)

      let ready = try await plane.waitUntilSettled("chat")
      #expect(ready.state["ready"] == "READY")
      #expect(ready.state["config_update"] == "NOT_UPDATING")
      #expect(ready["pending_config"] == nil)
      #expect(ready["config"]?["config_version"] == 1)
      #expect(ready.activeEntity["name"] == "hello-1")
      #expect(ready.activeEntity["entity_version"] == "1")
      #expect(ready.activeEntity["workload_size"] == "Small")
      #expect(ready.activeEntity["scale_to_zero_enabled"] == false)
      #expect(ready.activeEntity.deployment == "DEPLOYMENT_READY")
      #expect(ready.activeEntity.deploymentMessage.contains("no NVIDIA GPU"))
      #expect(ready["config"]?["served_models"]?.arrayValue?.first?["model_name"] == "main.demo.hello")
      let route = ready["config"]?["traffic_config"]?["routes"]?.arrayValue?.first
      #expect(route?["served_model_name"] == "hello-1")
      #expect(route?["served_entity_name"] == "hello-1")
      #expect(route?["traffic_percentage"] == 100)
      #expect(ready["permission_level"] == "CAN_MANAGE")
      #expect(ready["creator"] == "tester")
      #expect(ready["task"] == "llm/v1/chat")
      #expect(ready["route_optimized"] == false)
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello from v1")

      let listed = try await plane.call("GET", "/api/2.0/serving-endpoints/")
      #expect(listed.json["endpoints"]?.arrayValue?.map { $0["name"] } == ["chat"])

      // Logged requests are not part of the startup output.
      let build = try await plane.call("GET", "/api/2.0/serving-endpoints/chat/served-models/hello-1/build-logs")
      #expect(build.json["logs"]?.stringValue?.hasSuffix("Application startup complete.\n") == true, "\(build.text)")
    }
  }

  @Test func `names that were encoded for a path are shown, and refused, as they were given`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let base = "/api/2.0/serving-endpoints"
      let missing = try await plane.call("GET", "\(base)/a%20b")
      #expect(missing.status == 404 && missing.message.contains("'a b'"), "\(missing.text)")
      for (path, name) in [
        ("ma%20in.x.y", "ma in.x.y"), ("%2e%2e%2fsecrets", "../secrets"), ("..%2F..%2Fetc", "../../etc"),
      ] {
        let refused = try await plane.call(
          "POST", "/api/2.1/unity-catalog/models/\(path)/versions", ["source": .string(data.path), "entrypoint": "v"])
        #expect(refused.status == 400 && refused.message.contains(name), "\(refused.text)")
      }
    }
  }

  @Test func `a new version takes over without a failed request`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello from v1", switches: ["token_ms": 3]))
      _ = try await plane.register("hello", try data.model(say: "Hello from v2", switches: ["token_ms": 3]))
      _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
      _ = try await plane.waitUntilSettled("chat")

      let answered = Count()
      let answers = try await withThrowingTaskGroup(of: [PlaneClient.ClientResponse].self) { group in
        for _ in 0..<4 {
          group.addTask {
            var answers: [PlaneClient.ClientResponse] = []
            while answers.last?.sentence != "Hello from v2" {
              answers.append(try await plane.chat("chat"))
              answered.add()
            }
            return answers
          }
        }
        try await eventually("requests are answered") { answered.value > 8 }
        let put = try await plane.put("chat", [entity("hello", 2, name: "main")])
        #expect(put.status == 200)
        #expect(put.json["pending_config"]?["config_version"] == 2)
        #expect(put.json["config"]?["config_version"] == 1)
        #expect(put.json.state["ready"] == "READY")
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(answers.count > 8)
      #expect(answers.filter { $0.status != 200 }.map(\.text) == [])
      #expect(Set(answers.map(\.sentence)) == ["Hello from v1", "Hello from v2"])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled["config"]?["config_version"] == 2)
      // The old one is gone after it was drained.
      try await eventually("one replica is left") {
        try data.replicaProcesses().count { $0.identity.pid == $0.session } == 1
      }
    }
  }

  @Test func `a version that does not start leaves the old one serving and reports why`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello from v1"))
      _ = try await plane.register("hello", try data.model(switches: ["start_failure": "truncated_weights"]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      _ = try await plane.put("chat", [entity("hello", 2)])

      let failed = try await plane.waitUntilSettled("chat")
      #expect(failed.state["config_update"] == "UPDATE_FAILED")
      #expect(failed.state["ready"] == "READY")
      #expect(failed["config"]?["config_version"] == 1)
      #expect(failed["pending_config"]?["config_version"] == 2)
      #expect(failed.pendingEntity.deployment == "DEPLOYMENT_FAILED")
      let message = failed.pendingEntity.deploymentMessage
      #expect(message.contains("broken weights"))
      #expect(message.contains("incomplete metadata, file not fully covered"))
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello from v1")
      let logs = try await plane.call("GET", "/api/2.0/serving-endpoints/chat/served-models/hello-2/build-logs")
      #expect(logs.json["logs"]?.stringValue?.contains("WorkerProc failed to start") == true)
      #expect(try data.replicaProcesses().count { $0.identity.pid == $0.session } == 1)

      // The failure stays until the next change, which is allowed.
      _ = try await plane.register("hello", try data.model(say: "Hello from v3"))
      let put = try await plane.put("chat", [entity("hello", 3)])
      #expect(put.status == 200)
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["config_update"] == "NOT_UPDATING")
      #expect(settled["config"]?["config_version"] == 3)
    }
  }

  @Test func `after a failed first deployment, an update repairs the endpoint`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["start_failure": "unknown_flag"]))
      _ = try await plane.register("hello", try data.model(say: "Hello"))
      _ = try await plane.create("chat", [entity("hello", 1)])
      let failed = try await plane.waitUntilSettled("chat")
      #expect(failed.state["config_update"] == "UPDATE_FAILED")
      #expect(failed.state["ready"] == "NOT_READY")
      #expect(failed["config"] == nil)
      #expect(failed.pendingEntity.deploymentMessage.contains("unknown flag"))
      let refused = try await plane.chat("chat")
      #expect(refused.status == 503)
      #expect(refused.message.contains("unknown flag"))

      _ = try await plane.put("chat", [entity("hello", 2)])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY")
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello")
    }
  }

  @Test func `a second update is refused during the first one`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.register("hello", try data.model(switches: ["hang_at_start": true]))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      _ = try await plane.put("chat", [entity("hello", 2)])
      let second = try await plane.put("chat", [entity("hello", 1)])
      #expect(second.status == 409)
      #expect(second.code == "RESOURCE_CONFLICT")
      let twice = try await plane.create("chat", [entity("hello", 1)])
      #expect(twice.status == 409)
      #expect(twice.code == "RESOURCE_ALREADY_EXISTS")
      // Deleting is always allowed, and also removes the hanging one.
      let deleted = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
      #expect(deleted.status == 200)
      let gone = try await plane.get("chat")
      #expect(gone.status == 404)
      #expect(gone.code == "RESOURCE_DOES_NOT_EXIST")
      try await eventually("no process is left") { try data.replicaProcesses().isEmpty }
      let query = try await plane.chat("chat")
      #expect(query.status == 404)
    }
  }

  @Test func `a change of traffic alone starts no replica`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "one"))
      _ = try await plane.register("hello", try data.model(say: "two"))
      let entities = [entity("hello", 1, name: "a"), entity("hello", 2, name: "b")]
      _ = try await plane.create("chat", entities, traffic: ["a": 100, "b": 0])
      _ = try await plane.waitUntilSettled("chat")
      let before = Set(try data.replicaProcesses().map(\.identity))
      let first = try await plane.chat("chat").sentence
      #expect(first == "one")
      // An entity without traffic can be queried by name.
      let pinned = try await plane.chat("chat", path: "/serving-endpoints/chat/served-models/b/invocations")
      #expect(pinned.sentence == "two")
      #expect(pinned.headers["served-model-name"] == "b" && pinned.headers["x-setpoint-model-version"] == "2")
      let generated = try await plane.call(
        "POST", "/serving-endpoints/chat/served-models/b/generate", ["prompt": "Hi"])
      #expect(generated.json["generated_text"] == "two" && generated.json["model_version"] == "2")

      _ = try await plane.put("chat", entities, traffic: ["a": 0, "b": 100])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled["config"]?["config_version"] == 2)
      let second = try await plane.chat("chat").sentence
      #expect(second == "two")
      #expect(Set(try data.replicaProcesses().map(\.identity)) == before)
    }
  }

  @Test func `a size sets the number of replicas`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1, size: "Medium")])
      _ = try await plane.waitUntilSettled("chat")
      #expect(try data.replicaProcesses().count { $0.identity.pid == $0.session } == 2)
      // Scaling up keeps the two that are running.
      let before = Set(try data.replicaProcesses().map(\.identity))
      _ = try await plane.put("chat", [entity("hello", 1, size: "Large")])
      _ = try await plane.waitUntilSettled("chat")
      let after = Set(try data.replicaProcesses().map(\.identity))
      #expect(after.count { ProcessTable.entry($0.pid)?.session == $0.pid } == 4)
      #expect(after.isSuperset(of: before))
    }
  }

  @Test(arguments: [
    ["die_after_requests": 3, "die_code": 0] as JSONValue,
    ["engine_death_after_requests": 3],
    ["freeze_after_requests": 3],
  ])
  func `a replica that dies or freezes is replaced`(_ switches: JSONValue) async throws {
    let data = TestData()
    try await withPlane(
      data,
      adjust: {
        $0.timing.patience = .seconds(1); $0.timing.probeTimeout = .milliseconds(300)
      }
    ) {
      plane in
      _ = try await plane.register("hello", try data.model(switches: switches))
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let first = try #require(try data.replicaProcesses().first { $0.identity.pid == $0.session }).identity
      // The plane's own probes are requests too: the failure happens by itself.
      let recovering = try await plane.wait("chat") { $0.activeEntity.deployment == "DEPLOYMENT_RECOVERING" }
      #expect(recovering.activeEntity.deploymentMessage.contains("0 of 1 replicas are ready"))
      #expect(recovering.state["config_update"] == "NOT_UPDATING")
      _ = try await plane.wait("chat") { $0.state["ready"] == "READY" }
      #expect(!ProcessTable.isAlive(first))
    }
  }

  @Test func `tags change without a new config version`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let created = try await plane.call(
        "POST", "/api/2.0/serving-endpoints", ["name": "empty", "tags": [["key": "a", "value": "1"], ["key": "b"]]])
      #expect(created.status == 200)
      #expect(created.json.state["config_update"] == "NOT_UPDATING")
      #expect(created.json["config"] == nil)
      let patched = try await plane.call(
        "PATCH", "/api/2.0/serving-endpoints/empty/tags",
        ["add_tags": [["key": "a", "value": "2"], ["key": "c", "value": ""]], "delete_tags": ["b", "nope"]])
      #expect(patched.status == 200)
      let tags: JSONValue = [["key": "a", "value": "2"], ["key": "c", "value": ""]]
      #expect(patched.json["tags"] == tags)
      let read = try await plane.get("empty")
      #expect(read.json["tags"] == tags)
      let query = try await plane.chat("empty")
      #expect(query.status == 503)
    }
  }

  @Test func `nothing is left after the plane was stopped`() async throws {
    let data = TestData()
    let shared = try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.register("hello", try data.model(switches: ["hang_at_start": true]))
      _ = try await plane.create("chat", [entity("hello", 1, size: "Medium")])
      _ = try await plane.waitUntilSettled("chat")
      _ = try await plane.put("chat", [entity("hello", 2)])
      try await eventually("the new one runs") {
        try data.replicaProcesses().count { $0.identity.pid == $0.session } == 3
      }
      return try data.replicaProcesses().reduce(into: Set<String>()) {
        $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid))
      }
    }
    #expect(!shared.isEmpty)
    #expect(try data.replicaProcesses().isEmpty)
    #expect(shared.filter { access($0, F_OK) == 0 } == [])
    let records = try EndpointStore(path: data.settings.storePath).replicas()
    #expect(records.compactMap { ProcessHandle($0.handle) }.filter { access($0.temporary, F_OK) == 0 } == [])
  }

  @Test func `files of a replica that was killed from outside are removed`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let store = try EndpointStore(path: data.settings.storePath)
      let replica = try #require(try store.replicas().first.flatMap { ProcessHandle($0.handle) })
      #expect(replica.sharedMemory.count == 2)
      #expect(replica.sharedMemory.allSatisfy { access($0, F_OK) == 0 })
      #expect(killpg(try #require(replica.process?.pid), SIGKILL) == 0)
      try await eventually("its files are gone") {
        replica.sharedMemory.allSatisfy { access($0, F_OK) != 0 } && access(replica.temporary, F_OK) != 0
      }
      _ = try await plane.wait("chat") {
        $0.state["ready"] == "READY" && $0.activeEntity.deployment == "DEPLOYMENT_READY"
      }
    }
  }

  @Test func `a long request finishes on the version on which it began`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let words = (1...20).map { "w\($0)" }.joined(separator: " ")
      _ = try await plane.register("hello", try data.model(say: words, switches: ["token_ms": 2000]))
      _ = try await plane.register("hello", try data.model(say: "short"))
      _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
      _ = try await plane.waitUntilSettled("chat")
      async let long = plane.chat("chat")
      let port = try #require(try EndpointStore(path: data.settings.storePath).replicas().first).port
      try await eventually("the long request is in flight") {
        let metrics = try await plane.http.execute(HTTPRequest(url: "http://127.0.0.1:\(port)/metrics")).body.collect()
        return EngineMetrics(String(decoding: metrics, as: UTF8.self)).running > 0
      }
      _ = try await plane.put("chat", [entity("hello", 2, name: "main")])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled["config"]?["config_version"] == 2)
      let short = try await plane.chat("chat").sentence
      #expect(short == "short")
      // The old replica still has its request, and completes its answer before it stops.
      #expect(try data.replicaProcesses().count { $0.identity.pid == $0.session } == 2)
      // Left alone, it would take 40 s, so all of the above happens before its end.
      let hurry: JSONValue = ["token_ms": 0]
      _ = try await plane.http.execute(
        HTTPRequest(method: "POST", url: "http://127.0.0.1:\(port)/standin", body: hurry.bytes())
      ).body.collect()
      let answer = try await long
      #expect(answer.status == 200)
      #expect(answer.sentence == words)
      try await eventually("the old one is gone") {
        try data.replicaProcesses().count { $0.identity.pid == $0.session } == 1
      }
    }
  }
}

/// Counts what several tasks do.
private final class Count: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add() { count.withLock { $0 += 1 } }
}
