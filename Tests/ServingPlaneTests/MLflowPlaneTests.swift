import CanonicalJSON
import EventFlags
import Testing

@testable import ServingPlane

/// Planes whose registered models are those of an MLflow server. Their replicas are not processes.
@Suite(.serialized)
struct MLflowPlaneTests {
  private func withMLflowPlane(
    _ stub: MLflowStub, data: TestData = TestData(), slots: Int? = nil,
    _ body: @Sendable @escaping (PlaneClient, MemoryBackend) async throws -> Void
  ) async throws {
    try await withMemoryBackend { backend in
      try await withPlane(
        data,
        adjust: { settings in
          settings.backend = backend
          settings.mlflow = stub.server
          settings.slots = slots
        }
      ) { plane in try await body(plane, backend) }
    }
  }

  @Test func `an endpoint is served from a version of an MLflow server`() async throws {
    let stub = MLflowStub()
    stub.add(1)
    try await withMLflowPlane(stub) { plane, backend in
      let created = try await plane.create("chat", [entity("hello", 1)])
      #expect(created.status == 200, "\(created.text)")
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY", "\(settled.pendingEntity.deploymentMessage)")
      #expect(settled["task"] == "llm/v1/chat")
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello from memory")
      #expect(backend.starts == 1)
    }
  }

  @Test func `its models, versions and aliases are those of the server, and are changed only there`() async throws {
    let stub = MLflowStub()
    stub.add(1)
    stub.add(2)
    stub.setAlias("champion", 2)
    try await withMLflowPlane(stub) { plane, _ in
      let models = "/api/2.1/unity-catalog/models"
      let list = try await plane.call("GET", models).json["registered_models"]?.arrayValue
      #expect(list?.compactMap { $0["full_name"]?.stringValue } == ["hello"])
      let versions = try await plane.call("GET", models + "/hello/versions").json["model_versions"]?.arrayValue
      #expect(versions?.compactMap { $0["version"]?.intValue } == [1, 2])
      let champion = try await plane.call("GET", models + "/hello/aliases/champion").json
      #expect(champion["version"] == 2)
      #expect(champion["run_id"] == "run-2")
      let missing = try await plane.call("GET", models + "/hello/versions/3")
      #expect(missing.status == 404 && missing.code == "RESOURCE_DOES_NOT_EXIST", "\(missing.text)")
      let registered = try await plane.call("POST", models + "/hello/versions", ["source": "/tmp"])
      let moved = try await plane.call("PUT", models + "/hello/aliases/champion", ["version_num": 1])
      for refused in [registered, moved] {
        #expect(refused.status == 400)
        #expect(refused.message.contains("Models are registered, changed and deleted there: use MLflow."))
      }
      stub.setDown(true)
      let down = try await plane.call("GET", models)
      let words = "the models of the MLflow server http://mlflow:5000 cannot be read"
      #expect(down.status == 500 && down.message.contains(words), "\(down.text)")
    }
  }

  @Test func `the old version serves while the new one is downloaded, also without room for both`() async throws {
    let stub = MLflowStub()
    stub.add(1)
    stub.add(2, weights: "new weights")
    let gate = EventFlag()
    stub.onDownload { file in if file.hasSuffix("model.safetensors") { await gate.wait() } }
    try await withMLflowPlane(stub, slots: 1) { plane, backend in
      _ = try await plane.create("chat", [entity("hello", 1)])
      let first = try await plane.wait("chat") {
        $0.pendingEntity.deploymentMessage.contains("downloading model (")
      }
      #expect(first.pendingEntity.deployment == "DEPLOYMENT_CREATING")
      #expect(backend.starts == 0)
      gate.set()
      _ = try await plane.waitUntilSettled("chat")
      let before = backend.running

      let second = EventFlag()
      stub.onDownload { file in if file.hasSuffix("model.safetensors") { await second.wait() } }
      _ = try await plane.put("chat", [entity("hello", 2)])
      _ = try await plane.wait("chat") { $0.pendingEntity.deploymentMessage.contains("downloading model (") }
      let sentence = try await plane.chat("chat").sentence
      #expect(sentence == "Hello from memory")
      #expect(backend.running == before)
      second.set()
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.activeEntity["entity_version"] == "2")
      #expect(backend.peak == 1)
    }
  }

  @Test func `a download that fails is a failed start, and what serves is left alone`() async throws {
    let stub = MLflowStub()
    stub.add(1)
    stub.add(2)
    try await withMLflowPlane(stub) { plane, backend in
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      let before = backend.running
      stub.onDownload { file in if file.hasSuffix("model.safetensors") { stub.refuse(with: 503) } }
      stub.breakOff("artifacts/m/model.safetensors", after: 0, 0, 0, 0, 0, 0)
      _ = try await plane.put("chat", [entity("hello", 2)])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["config_update"] == "UPDATE_FAILED")
      let words = settled.pendingEntity.deploymentMessage
      #expect(words.contains("the plane's model registry is unavailable: version 2 of model \"hello\""), "\(words)")
      #expect(backend.running == before && backend.starts == 1)

      stub.refuse(with: nil)
      stub.onDownload { _ in }
      stub.breakOff("artifacts/m/model.safetensors")
      _ = try await plane.put("chat", [entity("hello", 2)])
      let retried = try await plane.waitUntilSettled("chat")
      #expect(retried.activeEntity["entity_version"] == "2", "\(retried.pendingEntity.deploymentMessage)")
    }
  }

  @Test func `a version that does not exist, and one that cannot be looked up, are refused with the cause`()
    async throws
  {
    let stub = MLflowStub()
    stub.add(1)
    try await withMLflowPlane(stub) { plane, _ in
      let missing = try await plane.create("chat", [entity("hello", 7)])
      #expect(missing.status == 404, "\(missing.text)")
      #expect(missing.message.contains("version 7 of model \"hello\" on the MLflow server"))
      stub.refuse(with: 401)
      let refused = try await plane.create("chat", [entity("hello", 1)])
      #expect(refused.status == 500 && refused.message.contains("check the credentials in MLFLOW_TRACKING_TOKEN"))
      #expect(!refused.text.contains(MLflowStub.token))
    }
  }

  @Test func `gc removes the versions that no endpoint serves or may be rolled back to`() async throws {
    let stub = MLflowStub()
    for number in 1...3 { stub.add(number) }
    try await withMLflowPlane(stub) { plane, _ in
      func collect(isDryRun: Bool) async throws -> [String] {
        let answer = try await plane.call(
          "POST", "/api/2.1/unity-catalog/models:gc", ["dry_run": .bool(isDryRun)])
        #expect(answer.status == 200, "\(answer.text)")
        return answer.json["items"]?.arrayValue?.compactMap { $0["description"]?.stringValue } ?? []
      }
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
      #expect(try await collect(isDryRun: false).isEmpty)
      for number in 2...3 {
        _ = try await plane.put("chat", [entity("hello", number)])
        _ = try await plane.waitUntilSettled("chat")
      }
      // Once its replica has ended.
      let unneeded = ["version 1 of model hello, which no endpoint needs"]
      try await eventually("version 1 is not needed") { try await collect(isDryRun: true) == unneeded }
      #expect(try await collect(isDryRun: true) == unneeded)
      #expect(try await collect(isDryRun: false) == unneeded)
      #expect(try await collect(isDryRun: false).isEmpty)
      let wrong = try await plane.call("POST", "/api/2.1/unity-catalog/models:gc", ["dry_run": "yes"])
      #expect(wrong.status == 400, "\(wrong.text)")
      stub.setDown(true)
      _ = try await plane.put("chat", [entity("hello", 2)])
      let restored = try await plane.waitUntilSettled("chat")
      #expect(restored.activeEntity["entity_version"] == "2", "\(restored.pendingEntity.deploymentMessage)")
    }
  }

  @Test func `replicas start from what is on the disk while the server is down, also after a restart`() async throws {
    let stub = MLflowStub()
    stub.add(1)
    let data = TestData()
    try await withMLflowPlane(stub, data: data) { plane, _ in
      _ = try await plane.create("chat", [entity("hello", 1)])
      _ = try await plane.waitUntilSettled("chat")
    }
    stub.setDown(true)
    try await withMLflowPlane(stub, data: data) { plane, backend in
      _ = try await plane.wait("chat") {
        $0.state["ready"] == "READY" && $0.activeEntity.deployment == "DEPLOYMENT_READY"
      }
      #expect(backend.starts == 1)
    }
  }
}
