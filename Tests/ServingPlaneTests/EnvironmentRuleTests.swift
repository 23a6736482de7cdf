import Testing

@testable import ServingPlane

struct EnvironmentRuleTests {
  private func isRefused(_ name: String) -> Bool {
    if case .refused = EnvironmentRule.verdict(on: name) { true } else { false }
  }

  @Test(arguments: [
    // Of the loader and the C library.
    "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "ld_preload", "DYLD_INSERT_LIBRARIES", "GCONV_PATH", "LOCPATH",
    "GLIBC_TUNABLES", "OPENSSL_CONF", "KRB5_CONFIG",
    // Of interpreters.
    "PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONBREAKPOINT",
    "PYTHONUSERBASE",
    "PERL5OPT", "PERL5LIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "MPLBACKEND",
    "COVERAGE_PROCESS_START",
    // Of shells.
    "BASH_ENV", "ENV", "IFS", "PS4", "SHELLOPTS", "BASH_FUNC_ls", "SHELL", "ZDOTDIR",
    // Programs and folders.
    "PATH", "BROWSER", "EDITOR", "PAGER", "CC", "CXX", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "SSH_ASKPASS",
    "CUDA_HOME", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR", "TMP", "AWS_CONFIG_FILE", "KUBECONFIG",
    // Refused although the prefix is known to be harmless.
    "VLLM_PLUGINS", "VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_LOGGING_CONFIG_PATH", "VLLM_NCCL_SO_PATH",
    "VLLM_RUST_FRONTEND_PATH", "VLLM_CACHE_ROOT", "VLLM_SERVER_DEV_MODE", "HF_MODULES_CACHE",
    "HF_DATASETS_TRUST_REMOTE_CODE", "TRUST_REMOTE_CODE", "USE_HUB_KERNELS", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",
    "TORCH_ADDR2LINE_BINARY", "TORCH_EXTENSIONS_DIR", "CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH",
    "OMP_TOOL_LIBRARIES", "NCCL_NET_PLUGIN", "NCCL_TUNER_PLUGIN", "NCCL_PROFILER_PLUGIN", "NCCL_CONF_FILE",
    "TRITON_PTXAS_PATH", "TRITON_CACHE_MANAGER", "TRITON_CACHE_DIR", "HSA_TOOLS_LIB", "OMPI_MCA_plm_rsh_agent",
    "RAY_RUNTIME_ENV_HOOK", "MLFLOW_PYTHON_BIN",
    // Of the plane itself.
    "PORT", "SETPOINT_REPLICA", "SETPOINT_ANYTHING", "Setpoint_Plane", "setpoint_engine_args", "setpoint_anything",
    // Devices.
    "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER", "ZE_AFFINITY_MASK",
  ])
  func `a variable that changes what a program loads or runs is refused for every user, by name`(_ name: String) {
    #expect(isRefused(name))
    let finding = EnvironmentRule.finding([name: "x", "GREETING": "hello"], isAdministrator: true)
    #expect(finding?.hasPrefix("\(name) is not allowed: ") == true)
  }

  @Test(arguments: [
    "VLLM_LOGGING_LEVEL", "VLLM_CPU_KVCACHE_SPACE", "VLLM_ATTENTION_BACKEND", "VLLM_USE_V1", "HF_TOKEN", "HF_HOME",
    "HF_HUB_OFFLINE", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "NCCL_DEBUG", "NCCL_P2P_DISABLE",
    "OMP_NUM_THREADS", "TORCH_SHOW_CPP_STACKTRACES", "TORCH_NCCL_ASYNC_ERROR_HANDLING", "PYTORCH_CUDA_ALLOC_CONF",
    "MLFLOW_TRACKING_URI", "TOKENIZERS_PARALLELISM", "PYTHONHASHSEED", "GREETING", "my_setting", "A", "DEBUG",
    "OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "TZ", "LANG", "LC_ALL", "SETPOINT_ENGINE_ARGS", "SETPOINT_PLANE",
    "SETPOINT_ADAPTERS", "VLLM_STANDIN",
  ])
  func `engine settings and variables of the user's own are accepted`(_ name: String) {
    #expect(EnvironmentRule.verdict(on: name) == .allowed)
    #expect(EnvironmentRule.finding([name: "x"], isAdministrator: false) == nil)
  }

  @Test(arguments: [
    "https_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HF_ENDPOINT", "VLLM_USE_MODELSCOPE", "NETRC",
  ])
  func `a variable that redirects known programs is refused without the administrator's token`(_ name: String) {
    #expect(EnvironmentRule.finding([name: "x"], isAdministrator: true) == nil)
    let refusal = EnvironmentRule.finding([name: "x"], isAdministrator: false)
    #expect(refusal?.hasPrefix("\(name) needs the plane's administrator token") == true)
  }
}

struct EngineFlagRuleTests {
  @Test(arguments: [
    ["--middleware", "os.system"], ["--worker-cls=x.Y"], ["--worker_cls", "x.Y"], ["--worker-extension-c", "x.Y"],
    ["--tool-parser-plugin", "/x.py"], ["--reasoning-parser-plugin=/x.py"], ["--logits-processors", "x:Y"],
    ["--scheduler-cls", "x.Y"], ["--distributed-executor-backend", "x.Y"], ["--trust-remote-code"],
    ["--kv-transfer-config", #"{"kv_connector_module_path": "x"}"#],
    ["--kv-transfer-config.kv_connector_module_path=x"],
    ["--kv-transfer-config", #"{"kv_connector_m\u006fdule_path": "x"}"#], ["-cc", #"{"backend": "a.b", "x": NaN}"#],
    ["-cc", #"{"\u00e9": {"worker\u005fcls": "x"}, "e\u0301": 1}"#],
    ["-cc.backend", "x.y"], ["--compilation-config", #"{"inductor_passes": {"a": "x.y"}}"#],
    ["--compilation-config", #"{"backend": "x.y"}"#], ["--config", "/x.yaml"], ["--log-config-file", "/x"],
    ["--host", "0.0.0.0"], ["--hos=0.0.0.0"], ["--port", "1"], ["--uds", "/x"], ["--api-key", "k"], ["--api_key=k"],
    ["--model", "/etc"], ["--ssl-keyfile", "/x"], ["--device-ids", "0"], ["--device_ids=0"],
  ])
  func `a flag that loads code, opens ports or takes devices is refused by name`(_ words: [String]) {
    let finding = EngineFlagRule.finding(["--dtype", "float16"] + words)
    #expect(finding?.hasPrefix("the engine flag -") == true, "\(words)")
    #expect(finding?.contains("is not allowed") == true)
  }

  @Test(arguments: [
    ["--enforce-eager"], ["--max-model-len", "4096"], ["--tensor-parallel-size=2"], ["-O3"], ["-tp", "2"],
    ["--reasoning-parser", "qwen3"], ["--tool-call-parser", "hermes"], ["--distributed-executor-backend", "mp"],
    ["--compilation-config", #"{"level": 3}"#], ["--kv-transfer-config", #"{"kv_connector": "LMCacheConnectorV1"}"#],
    ["--max-num-seqs", "8"], ["--load-format", "safetensors"], ["--enable-auto-tool-choice"], ["--log-level", "debug"],
    ["--served-model-name", "m"], ["--model-impl", "auto"],
  ])
  func `other flags are accepted`(_ words: [String]) { #expect(EngineFlagRule.finding(words) == nil) }

  @Test func `the model is refused as the version's own`() {
    #expect(
      EngineFlagRule.finding(["--model", "/x"])
        == "the engine flag --model is not allowed: the model version says which model the engine loads; remove it")
  }

  @Test func `a variable that belongs to the plane is refused without advice to rename it`() {
    #expect(
      EnvironmentRule.finding(["TMPDIR": "/x"], isAdministrator: true)
        == "TMPDIR is not allowed: the serving plane sets it")
    let loader = EnvironmentRule.finding(["LD_PRELOAD": "/x"], isAdministrator: true)
    #expect(loader?.hasSuffix("; remove it or choose another name") == true)
  }
}
