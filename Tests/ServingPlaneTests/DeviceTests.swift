import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// Planes that are configured with GPUs: the stand-in needs none, and the environment of its processes shows which it
/// got.
@Suite(.serialized)
struct DeviceTests {
  private static func gpus(_ count: Int) -> Accelerators {
    Accelerators(gpus: (0..<count).map { Accelerators.GPU(index: $0, name: "NVIDIA A10G") })
  }

  /// The devices that each replica's server sees, sorted.
  private static func devices(_ data: TestData) throws -> [String] {
    try data.replicaProcesses().filter { $0.identity.pid == $0.session }.compactMap { entry in
      let bytes = FileManager.default.contents(atPath: "/proc/\(entry.identity.pid)/environ")
      let variables = String(decoding: bytes ?? Data(), as: UTF8.self).split(separator: "\0")
      return variables.first { $0.hasPrefix("CUDA_VISIBLE_DEVICES=") }.map { String($0.dropFirst(21)) }
    }.sorted()
  }

  @Test func `two replicas whose entrypoint names GPU 0 get one GPU each`() async throws {
    let data = TestData()
    try await withPlane(data, adjust: { $0.accelerators = Self.gpus(2) }) { plane in
      _ = try await plane.register(
        "hello", try data.model(), entrypoint: "env CUDA_VISIBLE_DEVICES=0 " + TestData.entrypoint)
      _ = try await plane.create("chat", [entity("hello", 1, type: "GPU_MEDIUM", size: "Medium")])
      _ = try await plane.waitUntilSettled("chat")
      #expect(try Self.devices(data) == ["0", "1"])
      // A replica on the CPU takes none, and finds a place although all GPUs are in use.
      _ = try await plane.create("small", [entity("hello", 1, type: "CPU")])
      let small = try await plane.waitUntilSettled("small")
      #expect(small.state["ready"] == "READY")
      #expect(try Self.devices(data) == ["", "0", "1"])
    }
  }

  @Test func `a workload type with more GPUs than the machine has is refused with the available ones`() async throws {
    let data = TestData()
    try await withPlane(data, adjust: { $0.accelerators = Self.gpus(2) }) { plane in
      _ = try await plane.register("hello", try data.model())
      let type = try await plane.create("chat", [entity("hello", 1, type: "MULTIGPU_MEDIUM")])
      #expect(type.status == 400)
      #expect(
        type.message.contains("MULTIGPU_MEDIUM needs 4 GPUs for each replica; this machine has 2 (GPU 0 NVIDIA A10G"))
      let size = try await plane.create("chat", [entity("hello", 1, type: "GPU_MEDIUM", size: "Large")])
      #expect(size.status == 400)
      #expect(size.message.contains("needs 4 GPUs for all its replicas; this machine has 2"))
    }
  }

  @Test func `a large endpoint that is created while a GPU is in use does not get that GPU`() async throws {
    let data = TestData()
    try await withPlane(data, adjust: { $0.accelerators = Self.gpus(4) }) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("one", [entity("hello", 1, type: "GPU_MEDIUM")])
      _ = try await plane.waitUntilSettled("one")
      _ = try await plane.create("four", [entity("hello", 1, type: "MULTIGPU_MEDIUM")])
      let failed = try await plane.waitUntilSettled("four")
      #expect(failed.state["config_update"] == "UPDATE_FAILED")
      #expect(failed.pendingEntity.deploymentMessage.contains("1 more GPU is needed"))
      #expect(try Self.devices(data) == ["0"])
      // A GPU that is about to be released is waited for.
      _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/one")
      _ = try await plane.put("four", [entity("hello", 1, type: "MULTIGPU_MEDIUM")])
      let settled = try await plane.waitUntilSettled("four")
      #expect(settled.state["ready"] == "READY", "\(settled.pendingEntity.deploymentMessage)")
      #expect(try Self.devices(data) == ["0,1,2,3"])
    }
  }

  @Test func `vLLM in a replica with several GPUs is started with their number, and with one GPU without it`()
    async throws
  {
    let data = TestData()
    try await withPlane(data, adjust: { $0.accelerators = Self.gpus(5) }) { plane in
      // The stand-in ignores these words, by which the plane knows vLLM.
      let entrypoint = TestData.entrypoint.replacing(" --model m", with: " vllm serve m --model m")
      _ = try await plane.register("hello", try data.model(), entrypoint: entrypoint)
      _ = try await plane.create("four", [entity("hello", 1, type: "MULTIGPU_MEDIUM")])
      _ = try await plane.waitUntilSettled("four")
      func sizes() throws -> [[String]] {
        try data.replicaProcesses().filter { $0.identity.pid == $0.session }.map { entry in
          let bytes = FileManager.default.contents(atPath: "/proc/\(entry.identity.pid)/cmdline")
          let words = String(decoding: bytes ?? Data(), as: UTF8.self).split(separator: "\0").map { String($0) }
          return Array(words.drop { $0 != "--tensor-parallel-size" }.prefix(2))
        }
      }
      #expect(try sizes() == [["--tensor-parallel-size", "4"]])
      for name in ["one", "small"] {
        _ = try await plane.create(name, [entity("hello", 1, type: name == "one" ? "GPU_MEDIUM" : "CPU")])
        _ = try await plane.waitUntilSettled(name)
      }
      #expect(try sizes().sorted { $0.count < $1.count } == [[], [], ["--tensor-parallel-size", "4"]])
    }
  }

  @Test func `an adopted replica keeps its GPU`() async throws {
    let data = TestData()
    try await withPlane(data, end: .abrupt, adjust: { $0.accelerators = Self.gpus(2) }) { plane in
      _ = try await plane.register("hello", try data.model())
      _ = try await plane.create("chat", [entity("hello", 1, type: "GPU_MEDIUM")])
      _ = try await plane.waitUntilSettled("chat")
    }
    try await withPlane(data, adjust: { $0.accelerators = Self.gpus(2) }) { plane in
      _ = try await plane.create("more", [entity("hello", 1, type: "GPU_MEDIUM")])
      _ = try await plane.waitUntilSettled("more")
      #expect(try Self.devices(data) == ["0", "1"])
    }
  }
}
