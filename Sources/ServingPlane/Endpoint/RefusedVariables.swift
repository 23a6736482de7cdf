/// Variables that make a program load or run something: those of the loader, interpreters and shells, and those that
/// name a program, a plug-in or a folder of code. Collected from ld.so(8), the documentation of Python, bash and vLLM,
/// and the sources of torch, triton and NCCL. Other names can still be refused by their ending.
enum RefusedVariables {
  /// Why a variable is refused; nil if it is not one of these.
  ///
  /// - Parameter name: in upper case.
  static func reason(_ name: String) -> String? {
    for family in families where family.names.contains(name) || family.prefixes.contains(where: name.hasPrefix) {
      return family.reason
    }
    if endings.contains(where: name.hasSuffix) || parts.contains(where: name.contains) {
      return "its name suggests that it selects code to load or run"
    }
    return nil
  }

  private struct Family {
    let reason: String
    var names: Set<String> = []
    var prefixes: [String] = []
  }

  private static let endings = [
    "_PLUGIN", "_PLUGINS", "_PLUGIN_PATH", "_PLUGIN_DIR", "_SO_PATH", "_LIB", "_LIB_PATH", "_LIB_DIR", "_LIBRARY",
    "_LIBRARIES", "_LIBRARY_PATH", "_PRELOAD", "_HOOK", "_COMMAND", "_EXECUTABLE", "_BINARY", "_ASKPASS", "_CLI_PATH",
    "_MODULE_PATH", "_MODULES", "_MODULES_CACHE", "_EXTENSIONS_DIR", "_CACHE_MANAGER", "_LDFLAGS", "_CFLAGS",
  ]
  private static let parts = ["INJECTION", "TRUST_REMOTE_CODE", "REMOTE_CACHE"]

  private static let families: [Family] = [
    Family(
      reason: "the system loader or C library reads it to decide which code every program loads",
      names: [
        "GCONV_PATH", "LOCPATH", "NLSPATH", "GLIBC_TUNABLES", "GETCONF_DIR", "LIBPATH", "SHLIB_PATH", "MALLOC_CONF",
        "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "KRB5_CONFIG", "SASL_PATH", "SASL_CONF_PATH",
        "GIO_EXTRA_MODULES", "VK_ICD_FILENAMES", "VK_LAYER_PATH", "OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH",
        "IBV_DRIVERS",
        "RDMAV_DRIVERS",
      ], prefixes: ["LD_", "DYLD_", "_RLD", "NIX_LD"]),
    Family(
      reason: "an interpreter reads it to decide which code to run",
      names: [
        "CLASSPATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_HOME", "LUA_PATH", "LUA_CPATH",
        "LUA_INIT", "PHPRC", "PHP_INI_SCAN_DIR", "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "JULIA_LOAD_PATH",
        "TORCH_LOGS", "MPLBACKEND", "MATPLOTLIBRC", "IPYTHONDIR", "DJANGO_SETTINGS_MODULE", "GUNICORN_CMD_ARGS",
        "VIRTUAL_ENV",
        "TRANSFORMERS_TEST_BACKEND", "TRANSFORMERS_TEST_DEVICE_SPEC", "SETUPTOOLS_USE_DISTUTILS", "NUMBA_CACHE_DIR",
      ],
      prefixes: [
        "PYTHON", "__PYVENV", "PYENV", "PERL", "RUBY", "GEM_", "BUNDLE_", "NODE_", "NPM_", "PIP_", "UV_", "CONDA_",
        "COVERAGE_", "COV_CORE_", "PYTEST_", "JUPYTER_", "OTEL_PYTHON_",
      ]),
    Family(
      reason: "a shell reads it to decide what to run",
      names: [
        "ENV", "IFS", "PS4", "SHELL", "SHELLOPTS", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE", "ZDOTDIR", "KSH_ENV",
        "FPATH", "EXECIGNORE", "INPUTRC",
      ], prefixes: ["BASH", "ZSH_"]),
    Family(
      reason: "it names a program to run, or where to look for one",
      names: [
        "PATH", "BROWSER", "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "LESSCLOSE", "CC", "CXX", "CPP", "AR",
        "LD", "NVCC", "CUDACXX", "CUDAHOSTCXX", "HIPCC", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED",
        "MAKEFLAGS", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH",
        "GCC_EXEC_PREFIX", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_BIN_PATH", "CUDA_INC_PATH", "CUDNN_HOME",
        "CUDNN_PATH", "ROCM_HOME", "ROCM_PATH", "HIP_PATH", "PYTORCH_NVCC", "KUBECONFIG", "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "MLFLOW_PYTHON_BIN",
        "TORCH_ADDR2LINE_BINARY", "VLLM_RUST_FRONTEND_PATH",
      ], prefixes: ["GIT_", "SSH_", "SUDO_", "CCACHE_", "CMAKE_", "NINJA_", "NVCC_", "DISTCC_"]),
    Family(
      reason: "it names a folder where programs find code or settings",
      names: [
        "HOME", "TMP", "TEMP", "TEMPDIR", "TORCH_HOME", "TORCH_EXTENSIONS_DIR", "VLLM_CACHE_ROOT",
        "VLLM_XLA_CACHE_PATH",
        "HF_MODULES_CACHE", "CUDA_CACHE_PATH", "VLLM_MODEL_REDIRECT_PATH", "VLLM_CUDA_COMPATIBILITY_PATH",
        "VLLM_NCCL_INCLUDE_PATH", "TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_CUTLASS_DIR", "TORCHINDUCTOR_CK_DIR",
        "CUTLASS_PATH", "QUACK_CACHE_DIR", "UCX_MODULE_DIR", "FI_PROVIDER_PATH",
      ], prefixes: ["XDG_", "FLASHINFER_", "DG_JIT_", "TVM_", "CUTE_DSL_", "TILELANG_", "AITER_"]),
    Family(
      reason: "it makes the engine load code or treat its input as code",
      names: [
        "VLLM_PLUGINS", "VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_LOGGING_CONFIG_PATH", "VLLM_NCCL_SO_PATH",
        "VLLM_CUDART_SO_PATH", "VLLM_SERVER_DEV_MODE", "USE_HUB_KERNELS", "LOCAL_KERNELS",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_PYTHON_NATIVE_USER_GRAPH_ORDER_FN", "TORCH_COMPILE_BACKEND",
        "TORCH_COMPILE_OVERRIDE_BACKENDS", "TORCHINDUCTOR_RUN_JIT_POST_COMPILE_HOOK", "TORCHELASTIC_ERROR_FILE",
        "NCCL_CONF_FILE", "NCCL_RAS_ADDR", "TRITON_HOME", "TRITON_CACHE_DIR", "TRITON_DUMP_DIR",
        "TRITON_OVERRIDE_DIR", "TRITON_KERNEL_OVERRIDE", "TRITON_DEFAULT_BACKEND", "TRITON_PTXAS_PATH",
        "TRITON_PTXAS_BLACKWELL_PATH", "TRITON_LIBDEVICE_PATH", "TRITON_LIBCUDA_PATH", "TRITON_CUOBJDUMP_PATH",
        "TRITON_NVDISASM_PATH", "TRITON_CUDACRT_PATH", "TRITON_CUDART_PATH", "RAY_ADDRESS",
        "RAY_JOB_CONFIG_JSON_ENV_VAR",
      ],
      prefixes: [
        "OMP_TOOL", "OMPT_", "CUPTI_", "HSA_TOOLS", "ROCP_", "ROCPROFILER_", "OMPI_MCA_", "PMIX_", "PRTE_",
        "HF_KERNELS", "KERNELS_", "RAY_RUNTIME_ENV", "TORCHINDUCTOR_REDIS_",
      ]),
  ]
}
