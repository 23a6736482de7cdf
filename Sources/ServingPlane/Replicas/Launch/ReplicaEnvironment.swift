import Endpoints

/// The environment of a replica: what the plane passes on, what this machine needs, what the entity sets, and the mark
/// that identifies the process as ours. Later ones take precedence.
struct ReplicaEnvironment {
  /// The accelerators of this machine.
  let accelerators: Accelerators
  /// Processor cores of the machine.
  let cores: Int

  /// Variables of the plane's environment that a replica may see, by name or by prefix. Everything else is withheld, so
  /// that the plane's credentials do not reach a model's code. `PYTHONDONTWRITEBYTECODE` is not among them: it makes
  /// each start of vLLM take three times as long.
  private static let inherited: Set = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "SHELL", "VIRTUAL_ENV", "http_proxy", "https_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH", "PYTHONHOME",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
    "PYENV_ROOT", "PYENV_VERSION", "CONDA_PREFIX", "CONDA_DEFAULT_ENV",
  ]
  private static let inheritedPrefixes = [
    "LC_", "CUDA_", "NVIDIA_", "NCCL_", "HF_", "TRANSFORMERS_", "TORCH", "VLLM_", "OMP_", "MKL_", "KMP_",
  ]
  /// The endings of credential names. Credentials reach a replica only as secrets to which its endpoint refers.
  private static let credentialEndings = ["TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIALS"]

  /// The part of the plane's environment that replicas get.
  static func passedOn(_ plane: [String: String]) -> [String: String] {
    plane.filter { name, _ in
      if inherited.contains(name) { return true }
      return inheritedPrefixes.contains(where: name.hasPrefix) && !credentialEndings.contains(where: name.hasSuffix)
        && !isDevices(name)
    }
  }

  /// Whether a variable selects the accelerators that a program sees: only the plane may do that.
  static func isDevices(_ name: String) -> Bool {
    name.contains("VISIBLE_DEVICES") || ["CUDA_DEVICE_ORDER", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK"].contains(name)
  }

  /// - Parameters:
  ///   - plane: the plane's own environment.
  ///   - entity: the entity's variables, secrets resolved.
  ///   - mark: the value of ``ReplicaMark/variable``.
  ///   - temporary: the replica's own directory for sockets; short, since a socket's path has at most 108 bytes.
  ///   - devices: the GPUs it may use; empty if none.
  func variables(
    plane: [String: String], entity: [String: String], mark: String, temporary: String, port: Int, devices: [Int]
  ) -> [String: String] {
    var variables = Self.passedOn(plane)
    func byDefault(_ name: String, _ value: String) { if variables[name] == nil { variables[name] = value } }
    byDefault("HF_HUB_OFFLINE", "1")
    byDefault("VLLM_NO_USAGE_STATS", "1")
    // Python buffers output to a file by default, and the last lines before a crash are the important ones.
    variables["PYTHONUNBUFFERED"] = "1"
    if accelerators.gpus.isEmpty {
      byDefault("VLLM_CPU_KVCACHE_SPACE", "1")
      // By default every replica pins its worker to the first core.
      byDefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
      byDefault("OMP_NUM_THREADS", String(max(1, cores / 2)))
    }
    variables.merge(entity.filter { !Self.isDevices($0.key) }) { $1 }
    if !accelerators.gpus.isEmpty {
      // The numbers are those of nvidia-smi, which orders by bus; CUDA by default orders the fastest first.
      variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
      variables["CUDA_VISIBLE_DEVICES"] = devices.map(String.init).joined(separator: ",")
    }
    variables[EngineFlags.variable] = nil
    variables[EngineAdapters.variable] = nil
    variables["VLLM_API_KEY"] = nil
    variables["PORT"] = String(port)
    variables["TMPDIR"] = temporary
    variables[ReplicaMark.variable] = mark
    return variables
  }
}

/// Identifies a process as a replica of a certain plane for its whole life.
struct ReplicaMark: Hashable, Sendable, CustomStringConvertible {
  static let variable = "SETPOINT_REPLICA"

  /// The data directory's ID.
  let plane: String
  /// The replica's ID.
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

  /// Whether a process has this mark. vLLM's workers rewrite their titles, and with them the environment that `/proc`
  /// shows: one without any mark is identified by its working directory, which only that replica uses.
  func isBorne(by pid: Int32, in workingDirectory: String) -> Bool {
    guard let mark = ProcessTable.mark(pid) else { return ProcessTable.workingDirectory(pid) == workingDirectory }
    return mark == self
  }
}
