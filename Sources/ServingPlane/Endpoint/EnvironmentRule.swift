import Endpoints

/// The allow-list of variables for a replica's environment. Variables that change which code a program loads or runs
/// are refused for everyone: they would make an endpoint's config a way to run any program as the plane's user.
enum EnvironmentRule {
  enum Verdict: Hashable, Sendable {
    case allowed
    /// Redirects a known program, or is read by one, but runs nothing by itself: only for administrators.
    case administrator(why: String)
    /// Refused for everyone, for this reason.
    case refused(why: String)
  }

  private static let setByPlane = "the serving plane sets it"

  /// The verdict on a variable. Case is ignored, as some programs ignore it, but not for the variables that the plane
  /// itself reads: it finds them only by their exact names.
  static func verdict(on variable: String) -> Verdict {
    if readByPlane.contains(variable) { return .allowed }
    let name = variable.uppercased()
    if planeNames.contains(name) || variable.hasPrefix("SETPOINT_") { return .refused(why: setByPlane) }
    if name.hasPrefix("SETPOINT_") {
      return .refused(why: "names that begin with SETPOINT_, in upper or lower case, belong to the serving plane")
    }
    if name.contains("VISIBLE_DEVICES") || deviceNames.contains(name) {
      return .refused(why: "the serving plane assigns the devices of a replica")
    }
    if harmlessNames.contains(name) { return .allowed }
    if let why = RefusedVariables.reason(name) { return .refused(why: why) }
    if knownGoodPrefixes.contains(where: name.hasPrefix) {
      return redirectingNames.contains(name) ? .administrator(why: "it redirects what the engine reads") : .allowed
    }
    if readByPrograms.contains(where: { $0.hasSuffix("_") ? name.hasPrefix($0) : name == $0 })
      || name.hasSuffix("_PROXY")
    {
      return .administrator(why: "programs other than the engine read it")
    }
    // A custom name: no program that starts a replica gives it a meaning.
    return .allowed
  }

  /// The finding for an environment, which names the variable; nil if there is none.
  ///
  /// - Parameter isAdministrator: whether the caller is an administrator of the plane.
  static func finding(_ environment: [String: String], isAdministrator: Bool) -> String? {
    for name in environment.keys.sorted() {
      switch verdict(on: name) {
      case .allowed: continue
      case .administrator(let why):
        if !isAdministrator { return "\(name) needs the plane's administrator token: \(why)" }
      case .refused(let why):
        return "\(name) is not allowed: \(why)"
          + (why == setByPlane ? "" : "; remove it or choose another name")
      }
    }
    return nil
  }

  /// The variables for the plane itself, which it does not pass on.
  private static let readByPlane: Set = [EngineFlags.variable, EngineAdapters.variable, PlaneArguments.variable]

  private static let planeNames: Set = ["TMPDIR", "PORT"]

  private static let deviceNames: Set = [
    "CUDA_DEVICE_ORDER", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR", "TPU_VISIBLE_CHIPS",
  ]

  /// Members of refused families that do not change any code.
  private static let harmlessNames: Set = [
    "PYTHONUNBUFFERED", "PYTHONHASHSEED", "PYTHONFAULTHANDLER", "PYTHONUTF8", "PYTHONIOENCODING",
    "PYTHONDONTWRITEBYTECODE", "PYTHONMALLOC", "TORCH_DEVICE_BACKEND_AUTOLOAD",
  ]

  /// Prefixes of the settings of the engine and its libraries.
  private static let knownGoodPrefixes = [
    "VLLM_", "HF_", "CUDA_", "NCCL_", "OMP_", "TORCH_", "MLFLOW_", "TRANSFORMERS_", "TOKENIZERS_", "SAFETENSORS_",
    "PYTORCH_", "KMP_", "MKL_", "OPENBLAS_", "GLOO_", "CUBLAS_",
  ]

  /// Known-good by their prefix, but they redirect the engine to another server or folder.
  private static let redirectingNames: Set = [
    "HF_ENDPOINT", "HF_INFERENCE_ENDPOINT", "VLLM_USE_MODELSCOPE", "VLLM_USAGE_STATS_SERVER", "VLLM_CONFIG_ROOT",
    "VLLM_RPC_BASE_PATH", "VLLM_HOST_IP", "VLLM_LOOPBACK_IP", "VLLM_DP_MASTER_IP", "VLLM_DEBUG_DUMP_PATH",
    "VLLM_LORA_RESOLVER_CACHE_DIR", "VLLM_LORA_RESOLVER_HF_REPO_LIST", "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
    "NCCL_COMM_ID", "NCCL_DEBUG_FILE", "TORCH_LOGS_OUT", "TORCH_TRACE",
  ]

  /// Read by shells, the C library or common tools, without running anything; a name that ends in `_` is a prefix.
  private static let readByPrograms: Set = [
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSLKEYLOGFILE", "NETRC", "HOSTALIASES",
    "RES_OPTIONS", "LOCALDOMAIN", "TZDIR", "MALLOC_", "USER", "LOGNAME", "PWD", "OLDPWD", "TERM", "DISPLAY",
    "XAUTHORITY", "DBUS_", "SYSTEMD_", "DOCKER_", "RAY_", "TRITON_", "TORCHINDUCTOR_", "TORCHDYNAMO_", "XLA_", "UCX_",
    "OTEL_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "KINETO_", "NUMEXPR_", "MASTER_ADDR", "MASTER_PORT", "RANK",
    "LOCAL_RANK", "WORLD_SIZE",
  ]
}
