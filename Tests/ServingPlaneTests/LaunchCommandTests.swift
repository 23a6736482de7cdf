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

  @Test func `leading assignments go to the environment, and engine flags follow the entrypoint`() throws {
    let command = try LaunchCommand(
      entrypoint: "A=1 B='x y' python m.py --dtype auto", port: 1, environment: [:],
      engineArguments: try EngineFlags.words(#"["--dtype", "float16"]"#))
    #expect(command.assignments == ["A": "1", "B": "x y"])
    #expect(command.program == "python")
    #expect(command.value(of: "--dtype") == "float16")
  }

  private func shards(_ entrypoint: String, _ engine: [String] = [], gpus: Int = 4) throws -> String? {
    let words = try LaunchCommand(
      entrypoint: entrypoint, port: 1, environment: [:], engineArguments: engine, gpus: gpus
    ).words
    return EngineOptions(words)["--tensor-parallel-size"]
  }

  @Test func `vLLM shares a model among all GPUs of its replica`() throws {
    #expect(try shards("vllm serve m") == "4")
    #expect(try shards("A=1 /opt/bin/vllm serve m --dtype auto", gpus: 8) == "8")
    #expect(try shards("python -m vllm.entrypoints.openai.api_server --model m", ["--max-model-len", "16"]) == "4")
    #expect(try shards("vllm serve m", ["--enable-expert-parallel", "--config-format", "hf"]) == "4")
    let command = try LaunchCommand(entrypoint: "vllm serve m", port: 1, environment: [:], gpus: 2)
    #expect(command.isShardedByPlane && command.words.suffix(2) == ["--tensor-parallel-size", "2"])
  }

  @Test func `a replica with one GPU or none, and a server other than vLLM's, get no number of GPUs`() throws {
    #expect(try shards("vllm serve m", gpus: 1) == nil)
    #expect(try shards("vllm serve m", gpus: 0) == nil)
    #expect(try shards("python serve.py --model m") == nil)
    #expect(try shards("bash -c 'vllm serve m --port {port}'") == nil)
  }

  @Test(arguments: [
    ["--tensor-parallel-size", "2"], ["--tensor-parallel-size=2"], ["--tensor_parallel_size=2"], ["-tp", "2"],
    ["-tp=2"], ["--tensor-par", "2"], ["--pipeline-parallel-size", "4"], ["-pp", "4"], ["--data-parallel-size", "4"],
    ["-dp", "4"], ["--data-parallel-size-local=4"], ["-pcp", "2"], ["--nnodes", "2"], ["--config", "vllm.yaml"],
    ["--distributed-executor-backend", "external_launcher"],
  ])
  func `an entrypoint or config that distributes the model in its own way is left alone`(_ words: [String]) throws {
    for command in [
      try LaunchCommand(
        entrypoint: "vllm serve m \(words.joined(separator: " "))", port: 1, environment: [:], gpus: 4),
      try LaunchCommand(
        entrypoint: "vllm serve m", port: 1, environment: [:], engineArguments: words, gpus: 4),
    ] {
      #expect(!command.isShardedByPlane && command.words.suffix(2) == ["--port", "1"], "\(command.words)")
    }
  }

  @Test func `the model is named by its option, or follows serve`() throws {
    func model(_ entrypoint: String) throws -> String? {
      try LaunchCommand(entrypoint: entrypoint, port: 1, environment: [:]).modelArgument
    }
    #expect(try model("python -m v --model a --model=b") == "b")
    #expect(try model("vllm serve c --x") == "c")
    #expect(try model("vllm serve --x") == nil)
    #expect(throws: EntrypointError.self) { try model("  A=1 ") }
  }

  @Test(arguments: ["{}", "\"--x\"", "[1]", "[\"a\", null]", "nonsense"])
  func `engine flags that are not a list of words are refused`(_ text: String) {
    #expect(throws: EntrypointError.self) { try EngineFlags.words(text) }
  }

  @Test func `a replica's environment contains no secrets of the plane, and the settings that a CPU needs`() {
    let variables = ReplicaEnvironment(accelerators: .none, cores: 8).variables(
      plane: [
        "PATH": "/bin", "DATABRICKS_TOKEN": "t", "AWS_SECRET": "s", "VLLM_CPU_KVCACHE_SPACE": "7",
        "PYTHONDONTWRITEBYTECODE": "1",
      ],
      entity: [
        "HF_HUB_OFFLINE": "0", "SETPOINT_ENGINE_ARGS": "[]", "SETPOINT_ADAPTERS": "[]", "VLLM_API_KEY": "k",
      ], mark: "p.r",
      temporary: "/tmp/x", port: 5, devices: [])
    #expect(
      variables == [
        "PATH": "/bin", "VLLM_CPU_KVCACHE_SPACE": "7", "HF_HUB_OFFLINE": "0", "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "4", "PYTHONUNBUFFERED": "1", "PORT": "5",
        "TMPDIR": "/tmp/x", "SETPOINT_REPLICA": "p.r",
      ])
  }

  @Test func `only allow-listed variables of the plane reach a replica, also through its entrypoint`() {
    let plane = [
      "PATH": "/bin", "LD_LIBRARY_PATH": "/cuda", "LD_AUDIT": "/x.so", "HF_HOME": "/hf", "HF_TOKEN": "hf_secret",
      "AWS_SECRET_ACCESS_KEY": "s", "CUDA_VISIBLE_DEVICES": "7", "BASH_ENV": "/x", "XDG_RUNTIME_DIR": "/run",
    ]
    #expect(
      ReplicaEnvironment.passedOn(plane) == ["PATH": "/bin", "LD_LIBRARY_PATH": "/cuda", "HF_HOME": "/hf"])
    #expect(throws: EntrypointError.self) {
      try LaunchCommand(
        entrypoint: "vllm serve q --api-key $DATABRICKS_TOKEN", port: 1,
        environment: ReplicaEnvironment.passedOn(["DATABRICKS_TOKEN": "t"]))
    }
  }

  @Test(arguments: [
    "CUDA_VISIBLE_DEVICES=0 python m.py", "env CUDA_VISIBLE_DEVICES=0 python m.py",
    "env -u X CUDA_VISIBLE_DEVICES=0 A=1 python m.py", "/usr/bin/env -i HIP_VISIBLE_DEVICES=0 python m.py",
    "nohup env ROCR_VISIBLE_DEVICES=1 python m.py", "python m.py --device-ids 0,1", "python m.py --device_ids=0",
  ])
  func `the plane's devices take precedence over those of an entrypoint`(_ entrypoint: String) throws {
    let command = try LaunchCommand(entrypoint: entrypoint, port: 1, environment: [:])
    let machine = Accelerators(listing: "0, A10G\n1, A10G\n")
    let variables = ReplicaEnvironment(accelerators: machine, cores: 8).variables(
      plane: ["CUDA_VISIBLE_DEVICES": "0"], entity: command.assignments.merging(["CUDA_VISIBLE_DEVICES": "0"]) { $1 },
      mark: "p.r", temporary: "/t", port: 1, devices: [1])
    #expect(variables["CUDA_VISIBLE_DEVICES"] == "1")
    #expect(variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID")
    #expect(variables.keys.filter { $0.contains("VISIBLE_DEVICES") } == ["CUDA_VISIBLE_DEVICES"])
    #expect(!command.words.contains { $0.contains("VISIBLE_DEVICES") || $0.hasPrefix("--device") }, "\(command.words)")
  }

  @Test func `env before a program is read, not run`() throws {
    let command = try LaunchCommand(entrypoint: "B=2 env -u A --unset=C D=3 python m.py", port: 1, environment: [:])
    #expect(command.program == "python")
    #expect(command.assignments == ["B": "2", "D": "3"])
    #expect(command.removals == ["A", "C"])
    #expect(throws: EntrypointError.self) {
      try LaunchCommand(entrypoint: "env --chdir=/x python m.py", port: 1, environment: [:])
    }
  }

  @Test func `each GPU is assigned to one replica, and none to a replica on the CPU`() {
    let machine = Accelerators(listing: "0, NVIDIA A10G\n1, NVIDIA A10G\n2, NVIDIA A10G\n3, NVIDIA A10G\n")
    #expect(machine.gpus.map(\.name) == Array(repeating: "NVIDIA A10G", count: 4))
    #expect(machine.devices(for: "GPU_MEDIUM", inUse: []) == [0])
    #expect(machine.devices(for: "GPU_MEDIUM", inUse: [0, 1, 3]) == [2])
    #expect(machine.devices(for: "MULTIGPU_MEDIUM", inUse: [0]) == nil)
    #expect(machine.devices(for: "GPU_LARGE_2", inUse: [0]) == [1, 2])
    for type in ["CPU", "CPU_MEDIUM", "CPU_LARGE"] {
      #expect(machine.devices(for: type, inUse: [0, 1, 2, 3]) == [])
      #expect(machine.places(for: type) == 0)
    }
    #expect(Accelerators(listing: "No devices were found").gpus == [])
    #expect(Accelerators.none.devices(for: "GPU_SMALL", inUse: []) == [])
    let variables = ReplicaEnvironment(accelerators: machine, cores: 8).variables(
      plane: [:], entity: [:], mark: "p.r", temporary: "/t", port: 1, devices: [1, 2])
    #expect(variables["CUDA_VISIBLE_DEVICES"] == "1,2")
    #expect(variables["VLLM_CPU_KVCACHE_SPACE"] == nil)
  }
}
