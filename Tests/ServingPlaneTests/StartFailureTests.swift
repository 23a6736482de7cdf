import Testing

@testable import ServingPlane

struct StartFailureTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let log: String
    var exit: ProcessExit? = .code(1)
    let explanation: String
    let line: String?
    var repeats = false
    var testDescription: String { line ?? explanation }
  }

  /// An exception of the API process, as vLLM 0.32 prints it.
  private static func api(_ lines: String...) -> String {
    let all =
      ["Traceback (most recent call last):", "  File \"<frozen runpy>\", line 198, in _run_module_as_main"] + lines
    return all.map { "(APIServer pid=12) \($0)\n" }.joined()
  }

  /// An exception of the worker, followed by the blocks that only say that something failed.
  private static func worker(_ line: String) -> String {
    let head = "(Worker pid=14) ERROR 11-21 22:50:24 [multiproc_executor.py:857] "
    let core = "(EngineCore pid=13) ERROR 11-21 22:50:29 [core.py:1136] "
    return "(APIServer pid=12) INFO 11-21 22:50:00 [utils.py:233] non-default args: {}\n"
      + head + "WorkerProc failed to start.\n" + head + "Traceback (most recent call last):\n"
      + head + "    worker = WorkerProc(*args, **kwargs)\n" + head + line + "\r\n"
      + core + "EngineCore failed to start.\n"
      + core + "Exception: WorkerProc initialization failed due to an exception in a background process. See stack "
      + "trace for root cause.\n"
      + api("RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}")
      + "nanobind: leaked 2 instances!\n"
  }

  private static let usage = "usage: api_server.py [-h] [--headless] [--host HOST] [--port PORT] ...\n"

  static let cases: [Case] = [
    Case(
      log: "/usr/bin/python3: Error while finding module specification for 'vllm.entrypoints.openai.api_server' "
        + "(ModuleNotFoundError: No module named 'vllm')\n",
      explanation:
        "the plane's machine is at fault: vLLM is not installed for /opt/py; install it there, or start "
        + "the plane with another --python", line: "No module named 'vllm'", repeats: true),
    Case(
      log: api("ModuleNotFoundError: No module named 'torch'"), explanation: "torch is not installed for /opt/py",
      line: "'torch'", repeats: true),
    Case(
      log: api("ModuleNotFoundError: No module named 'flash_linear'"),
      explanation: "the Python module flash_linear is not installed for /opt/py", line: "'flash_linear'"),
    Case(
      log: api("ImportError: This modeling file requires the following packages that were not found: einops"),
      explanation: "the model's own code needs Python packages", line: "einops"),
    Case(
      log: api("ImportError: /x/vllm/_C.abi3.so: undefined symbol: _ZN3c10"), explanation: "another --python",
      line: "undefined symbol", repeats: true),
    Case(
      log: api("ImportError: libcuda.so.1: cannot open shared object file: No such file or directory"),
      explanation: "no NVIDIA driver", line: "libcuda.so.1", repeats: true),
    Case(
      log: api("RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."),
      explanation: "driver is too old", line: "11040", repeats: true),
    Case(
      log: worker("RuntimeError: Found no NVIDIA driver on your system."), explanation: "no driver was found",
      line: "Found no NVIDIA", repeats: true),
    Case(
      log: worker("RuntimeError: No CUDA GPUs are available"), explanation: "no GPU that it can use",
      line: "No CUDA GPUs", repeats: true),
    Case(
      log: worker("RuntimeError: unable to open shared memory object </torch_12_3> in read-write mode: denied (13)"),
      explanation: "/dev/shm is too small or full", line: "torch_12_3", repeats: true),
    Case(
      log: worker("OSError: [Errno 28] No space left on device: '/tmp/x'"), explanation: "is full; free some space",
      line: "Errno 28", repeats: true),
    Case(
      log: api("PermissionError: [Errno 13] Permission denied: '/models/m/config.json'"),
      explanation: "vLLM is not allowed to access a file it needs", line: "/models/m/config.json"),
    Case(
      log: api(
        "ValueError: While loading /models/tone, expected target modules in {'down_proj'} but received ['router']. "
          + "Please verify that the loaded LoRA module is correct"),
      explanation: "a LoRA adapter does not fit the model", line: "'router'"),
    Case(
      log: worker("ValueError: MambaForCausalLM does not support LoRA yet."),
      explanation: "this vLLM cannot serve LoRA adapters with the model's architecture", line: "MambaForCausalLM"),
    Case(
      log: usage + "api_server.py: error: unrecognized arguments: --no-such-flag\n", exit: .code(2),
      explanation: "unknown flag: this vLLM does not support an option of the entrypoint or of spec.engine",
      line: "unrecognized arguments: --no-such-flag"),
    Case(
      log: usage + "api_server.py: error: argument --dtype: invalid choice: 'float12' (choose from auto)\n",
      exit: .code(2), explanation: "unsupported dtype", line: "invalid choice: 'float12'"),
    Case(
      log: usage + "api_server.py: error: argument --max-model-len: invalid value\n", exit: .code(2),
      explanation: "bad flag value", line: "--max-model-len"),
    Case(
      log: api(
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
          + "'/nope/model'. Use `repo_type` argument if needed."),
      explanation: "unknown model path", line: "'/nope/model'"),
    Case(
      log: api(
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the "
          + "specified revision on the local disk and outgoing traffic has been disabled."),
      explanation: "unknown model path", line: "LocalEntryNotFoundError"),
    Case(
      log: api(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "  Value error, User-specified max_model_len (9999999) is greater than the derived max_model_len "
          + "(max_position_embeddings=1024 or model_max_length=None in model's config.json)."),
      explanation: "maxModelLen is longer", line: "Value error, User-specified max_model_len (9999999)"),
    Case(
      log: api(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "  Value error, Invalid repository ID or local directory specified: 'hello'.",
        "Please verify the following requirements:"),
      explanation: "has no config.json", line: "'hello'"),
    Case(
      log: api("OSError: It looks like the config file at 'm/config.json' is not a valid JSON file."),
      explanation: "config.json is not valid JSON", line: "m/config.json"),
    Case(
      log: api(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "  Value error, The checkpoint you are trying to load has model type `nope` but Transformers does not "
          + "recognize this architecture."),
      explanation: "unknown architecture", line: "model type `nope`"),
    Case(
      log: api("ValueError: Couldn't instantiate the backend tokenizer from one of:"),
      explanation: "no usable tokenizer", line: "backend tokenizer"),
    Case(
      log: api("OSError: [Errno 98] Address already in use"), explanation: "another program took", line: "Errno 98",
      repeats: true),
    Case(
      log: api("OSError: [Errno 99] Cannot assign requested address"), explanation: "not an address of this machine",
      line: "Errno 99"),
    Case(
      log: worker(
        "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully "
          + "covered"
      ),
      explanation: "a weights file is truncated", line: "SafetensorError"),
    Case(
      log: worker("safetensors_rust.SafetensorError: Error while deserializing header: header too large"),
      explanation: "not a safetensors file", line: "header too large"),
    Case(
      log: worker("RuntimeError: Cannot find any model weights with `m`"), explanation: "has no weights",
      line: "Cannot find any model weights"),
    Case(
      log: worker("RuntimeError: The size of tensor a (640) must match the size of tensor b (320) at dimension 0"),
      explanation: "shapes differ", line: "size of tensor a (640)"),
    Case(
      log: worker(
        "ValueError: Available memory on node 0 (9.0/10.84 GiB) on startup is less than requested CPU memory for KV "
          + "cache (200.0 GiB)."),
      explanation: "out of memory", line: "200.0 GiB"),
    Case(
      log: worker(
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
          + "initializing the engine."),
      explanation: "out of memory", line: "cache blocks"),
    Case(
      log: worker("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB."),
      explanation: "does not fit in the GPU's memory", line: "Tried to allocate 1.02 GiB"),
    Case(
      log: worker(
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has "
          + "compute capability 7.5."),
      explanation: "unsupported dtype: this GPU does not support bfloat16", line: "Tesla T4"),
    Case(
      log: api("ValueError: Sleep mode is not supported on current platform."), explanation: "sleep mode",
      line: "Sleep mode"),
    Case(
      log: "(APIServer pid=1) INFO 11-21 22:50:00 [x.py:1] Starting to load model m...\n", exit: .signal(9),
      explanation: "ran out of memory", line: "Starting to load model m..."),
    Case(
      log: worker("RuntimeError: something never seen before"), explanation: "vLLM exited with code 1",
      line: "RuntimeError: something never seen before"),
    Case(
      log: "\u{1B}[36m(APIServer pid=1)\u{1B}[0;0m ERROR 11-21 22:50:00 [x.py:1] plain words\n^^^^\n\n", exit: .code(3),
      explanation: "vLLM exited with code 3", line: "plain words"),
    Case(
      log: "", exit: .code(0),
      explanation: "vLLM exited with code 0 and printed nothing; check the version's entrypoint", line: nil),
    // Exits by signal
    Case(
      log: "loading\n", exit: .signal(11), explanation: "was killed by SIGSEGV: its native code crashed",
      line: "loading"),
    Case(
      log: "loading\n", exit: .signal(7), explanation: "was killed by SIGBUS: a mapped file was truncated",
      line: "loading"
    ),
    Case(
      log: "loading\n", exit: .signal(4), explanation: "was killed by SIGILL: it was built for a different",
      line: "loading"),
    Case(
      log: "loading\n", exit: .signal(15), explanation: "was killed by SIGTERM: it was asked to terminate",
      line: "loading",
      repeats: true),
    Case(
      log: "loading\n", exit: .code(137), explanation: "exited with code 137 (SIGKILL)", line: "loading"),
    Case(
      log: api("ModuleNotFoundError: No module named 'flash_attn'") + "(APIServer pid=12) Loading weights\n",
      exit: .signal(9), explanation: "ran out of memory", line: "Loading weights"),
    Case(
      log: "terminate called after throwing\n  what(): CUDA out of memory\n", exit: .signal(6),
      explanation: "out of memory", line: "what(): CUDA out of memory"),
    // The root of a traceback, with its text
    Case(
      log: api(
        "RuntimeError:", "", "        An attempt has been made to start a new process", "        before its time."),
      explanation: "exited with code 1",
      line: "RuntimeError: An attempt has been made to start a new process before its time."),
    Case(
      log: worker("RuntimeError:"), explanation: "exited with code 1",
      line: "RuntimeError, raised by: worker = WorkerProc(*args, **kwargs)"),
    Case(
      log: api(
        "ValueError: the head size 80 does not divide", "", "During handling of the above exception,", "RuntimeError:"),
      explanation: "exited with code 1", line: "ValueError: the head size 80 does not divide"),
    Case(
      log: api("  File \"x.py\", line 3, in f", "    assert len(weights) == layers", "AssertionError"),
      explanation: "exited with code 1", line: "AssertionError, raised by: assert len(weights) == layers"),
    Case(
      log: api("requests.exceptions.ConnectionError: HTTPSConnectionPool: Max retries exceeded with url: /api"),
      explanation: "exited with code 1", line: "Max retries exceeded", repeats: true),
    Case(log: "", exit: nil, explanation: "did not become ready", line: nil),
  ]

  @Test(arguments: cases)
  func `a failed start is reported in plain words with the log's own line`(_ example: Case) {
    let cause = StartFailure.cause(log: example.log, exit: example.exit, program: "/opt/py")
    #expect(cause.explanation.contains(example.explanation))
    if let line = example.line { #expect(cause.line?.contains(line) == true) } else { #expect(cause.line == nil) }
    #expect(cause.isWorthRepeating == example.repeats)
    #expect(cause.line?.contains("pid=") != true)
  }

  @Test(arguments: [
    ("/bin/false", "/bin/false"), ("env A=1 ./serve.sh --port {port}", "./serve.sh"),
    ("python -m vllm.entrypoints.openai.api_server --model m", "vLLM"), ("vllm serve m", "vLLM"),
  ])
  func `a message names the program that the entrypoint runs`(entrypoint: String, name: String) {
    let cause = StartFailure.cause(
      log: "", exit: .code(1), program: "/opt/py", engine: EngineName.of(entrypoint))
    #expect(
      cause.explanation
        == "\(name) exited with code 1 and printed nothing; check the version's entrypoint "
        + "(\"setpoint models list -o json\")")
  }
}
