import Testing

@testable import ServingPlane

struct LaunchCommandTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let entrypoint: String
    let words: [String]
    var testDescription: String { entrypoint }
  }

  @Test(arguments: [
    Case(
      entrypoint: "python -m vllm --model q --host 0.0.0.0 --port 8080 --x",
      words: ["python", "-m", "vllm", "--model", "q", "--host", "127.0.0.1", "--port", "8123", "--x"]),
    Case(
      entrypoint: "python -m vllm --port=1 --host=::",
      words: ["python", "-m", "vllm", "--port=8123", "--host=127.0.0.1"]),
    Case(
      entrypoint: "vllm serve q", words: ["vllm", "serve", "q", "--host", "127.0.0.1", "--port", "8123"]),
    Case(
      entrypoint: "vllm serve q --port $PORT --uds /x --api-key a b --api-key=c --host h",
      words: ["vllm", "serve", "q", "--port", "8123", "--host", "127.0.0.1"]),
    Case(
      entrypoint: "serve --bind http://127.0.0.1:{port}",
      words: ["serve", "--bind", "http://127.0.0.1:8123", "--host", "127.0.0.1", "--port", "8123"]),
  ])
  func `an entrypoint is pointed at its replica's port on the loopback address`(_ example: Case) throws {
    #expect(try LaunchCommand(entrypoint: example.entrypoint, port: 8123, environment: [:]).words == example.words)
  }

  @Test func `assignments in front go to the environment, engine flags behind the entrypoint`() throws {
    let command = try LaunchCommand(
      entrypoint: "A=1 B='x y' python m.py --dtype auto", port: 1, environment: [:],
      engineArguments: try EngineFlags.words(#"["--dtype", "float16"]"#))
    #expect(command.assignments == ["A": "1", "B": "x y"])
    #expect(command.program == "python")
    #expect(command.value(of: "--dtype") == "float16")
  }

  @Test func `the model is named by its option, or stands behind serve`() throws {
    func model(_ entrypoint: String) throws -> String? {
      try LaunchCommand(entrypoint: entrypoint, port: 1, environment: [:]).modelArgument
    }
    #expect(try model("python -m v --model a --model=b") == "b")
    #expect(try model("vllm serve c --x") == "c")
    #expect(try model("vllm serve --x") == nil)
    #expect(throws: EntrypointError.self) { try model("  A=1 ") }
  }

  @Test(arguments: ["{}", "\"--x\"", "[1]", "[\"a\", null]", "nonsense"])
  func `engine flags that are no list of words are refused`(_ text: String) {
    #expect(throws: EntrypointError.self) { try EngineFlags.words(text) }
  }

  @Test func `a replica's environment has no secrets of the plane and what a CPU needs`() {
    let variables = ReplicaEnvironment(accelerators: .none, cores: 8).variables(
      plane: [
        "PATH": "/bin", "DATABRICKS_TOKEN": "t", "AWS_SECRET": "s", "VLLM_CPU_KVCACHE_SPACE": "7",
        "PYTHONDONTWRITEBYTECODE": "1",
      ],
      entity: ["HF_HUB_OFFLINE": "0", "SETPOINT_ENGINE_ARGS": "[]", "VLLM_API_KEY": "k"], mark: "p.r",
      temporary: "/tmp/x", port: 5, devices: [])
    #expect(
      variables == [
        "PATH": "/bin", "VLLM_CPU_KVCACHE_SPACE": "7", "HF_HUB_OFFLINE": "0", "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "4", "PYTHONUNBUFFERED": "1", "PORT": "5",
        "TMPDIR": "/tmp/x", "SETPOINT_REPLICA": "p.r",
      ])
  }

  @Test func `GPUs are given out, the least used first, as many as the workload type names`() {
    let machine = Accelerators(listing: "0, NVIDIA A10G\n1, NVIDIA A10G\n2, NVIDIA A10G\n3, NVIDIA A10G\n")
    #expect(machine.gpus.map(\.name) == Array(repeating: "NVIDIA A10G", count: 4))
    #expect(machine.devices(for: "GPU_MEDIUM", inUse: []) == [0])
    #expect(machine.devices(for: "GPU_MEDIUM", inUse: [0, 1, 0]) == [2])
    #expect(machine.devices(for: "MULTIGPU_MEDIUM", inUse: [0]) == [0, 1, 2, 3])
    #expect(machine.devices(for: "GPU_LARGE_2", inUse: [0]) == [1, 2])
    #expect(Accelerators(listing: "No devices were found").gpus == [])
    #expect(Accelerators.none.devices(for: "GPU_SMALL", inUse: []) == [])
    let variables = ReplicaEnvironment(accelerators: machine, cores: 8).variables(
      plane: [:], entity: [:], mark: "p.r", temporary: "/t", port: 1, devices: [1, 2])
    #expect(variables["CUDA_VISIBLE_DEVICES"] == "1,2")
    #expect(variables["VLLM_CPU_KVCACHE_SPACE"] == nil)
  }
}
