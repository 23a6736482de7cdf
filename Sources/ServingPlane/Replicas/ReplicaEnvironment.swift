/// The environment of a replica, put together from what the plane passes on, what this machine needs, what the entity
/// sets, and what marks the process as ours. Later ones win.
struct ReplicaEnvironment {
  /// What is found on this machine.
  let accelerators: Accelerators
  /// Processor cores of the machine.
  let cores: Int

  /// Variables of the plane's own environment that a replica may see, by name or by prefix. Anything else stays out, so that
  /// the plane's credentials do not reach a model's code. `PYTHONDONTWRITEBYTECODE` is not among them: it makes each start
  /// of vLLM take three times as long.
  static let inherited = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "SHELL", "VIRTUAL_ENV", "http_proxy", "https_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH", "PYTHONHOME",
  ]
  static let inheritedPrefixes = [
    "LC_", "LD_", "XDG_", "PYENV_", "CONDA_", "CUDA_", "NVIDIA_", "NCCL_", "HF_", "TRANSFORMERS_", "TORCH", "VLLM_",
    "OMP_", "MKL_", "KMP_",
  ]

  /// - Parameters:
  ///   - plane: the plane's own environment.
  ///   - entity: the entity's variables, secrets resolved.
  ///   - mark: the value of ``ReplicaMark/variable``.
  ///   - temporary: the replica's own directory for sockets; short, since a socket's path has 108 bytes at most.
  ///   - devices: the GPUs it may use; empty without any.
  func variables(
    plane: [String: String], entity: [String: String], mark: String, temporary: String, port: Int, devices: [Int]
  ) -> [String: String] {
    var variables = plane.filter { name, _ in
      Self.inherited.contains(name) || Self.inheritedPrefixes.contains { name.hasPrefix($0) }
    }
    func byDefault(_ name: String, _ value: String) { if variables[name] == nil { variables[name] = value } }
    byDefault("HF_HUB_OFFLINE", "1")
    byDefault("VLLM_NO_USAGE_STATS", "1")
    // Output to a file is buffered by Python unless told otherwise, and the last lines before a death are the ones wanted.
    variables["PYTHONUNBUFFERED"] = "1"
    if accelerators.gpus.isEmpty {
      byDefault("VLLM_CPU_KVCACHE_SPACE", "1")
      // Left to itself every replica pins its worker to the first core.
      byDefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
      byDefault("OMP_NUM_THREADS", String(max(1, cores / 2)))
    } else {
      variables["CUDA_VISIBLE_DEVICES"] = devices.map(String.init).joined(separator: ",")
    }
    variables.merge(entity) { $1 }
    variables[EngineFlags.variable] = nil
    variables["VLLM_API_KEY"] = nil
    variables["PORT"] = String(port)
    variables["TMPDIR"] = temporary
    variables[ReplicaMark.variable] = mark
    return variables
  }
}

/// How a process is known to be a replica of a certain plane, for as long as it lives.
struct ReplicaMark: Hashable, Sendable, CustomStringConvertible {
  static let variable = "SETPOINT_REPLICA"

  /// The data directory's id.
  let plane: String
  /// The replica's id.
  let replica: String

  init(plane: String, replica: String) {
    self.plane = plane
    self.replica = replica
  }

  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    self.init(plane: String(parts[0]), replica: String(parts[1]))
  }

  var description: String { plane + "." + replica }

  /// Whether a process bears this mark. vLLM's workers rewrite their titles, and with them the environment that `/proc` shows:
  /// one without any mark is told by the directory it runs in, which is a replica's own.
  func isBorne(by pid: Int32, in workingDirectory: String) -> Bool {
    guard let mark = ProcessTable.mark(pid) else { return ProcessTable.workingDirectory(pid) == workingDirectory }
    return mark == self
  }
}
