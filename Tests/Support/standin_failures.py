"""The start failures of vLLM 0.32, as they look in its log: one function prints one failure and gives its exit code."""
import os
import sys
import time

HELP = "usage: api_server.py [-h] [--headless] [--api-server-count API_SERVER_COUNT] [--host HOST] [--port PORT] ...\n"


def stamp(who, level, text, file="api_server.py:1"):
    """A line as vLLM prints it: no year, no zone, the process in front."""
    return f"({who} pid={os.getpid()}) {level} {time.strftime('%m-%d %H:%M:%S')} [{file}] {text}\n"


def out(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def err(text):
    sys.stderr.write(text)
    sys.stderr.flush()


def usage(line):
    err(HELP + "api_server.py: error: " + line + "\n")
    return 2


def api(lines):
    """An exception of the API process: the traceback goes to stderr."""
    prefix = f"(APIServer pid={os.getpid()}) "
    for line in ["Traceback (most recent call last):",
                 '  File "<frozen runpy>", line 198, in _run_module_as_main',
                 '  File "vllm/entrypoints/openai/api_server.py", line 721, in <module>',
                 "    uvloop.run(run_server(args))"] + lines:
        err(prefix + line + "\n")
    return 1


def engine(lines):
    """An exception of the worker: its block on stdout names the cause, later blocks only say that something failed."""
    def block(who, head, body, file):
        out("".join(stamp(who, "ERROR", t, file) for t in [head, "Traceback (most recent call last):"] + body))
    block("Worker", "WorkerProc failed to start.",
          ['  File "vllm/v1/executor/multiproc_executor.py", line 823, in worker_main',
           "    worker = WorkerProc(*args, **kwargs)"] + lines, "multiproc_executor.py:857")
    block("EngineCore", "EngineCore failed to start.",
          ['  File "vllm/v1/engine/core.py", line 1111, in run_engine_core',
           "Exception: WorkerProc initialization failed due to an exception in a background process. "
           "See stack trace for root cause."], "core.py:1136")
    return api(["RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"])


def killed():
    """The kernel's out-of-memory killer: no word in the log."""
    os.kill(os.getpid(), 9)


def fail(name, args):
    """Prints failure `name` for the command line's values `args` and returns the exit code."""
    model, port = args.get("model", "m"), args.get("port", "8000")
    table = {
        "module_missing": lambda: (err(f"{sys.executable}: Error while finding module specification for "
                                       "'vllm.entrypoints.openai.api_server' (ModuleNotFoundError: No module named "
                                       "'vllm')\n"), 1)[1],
        "unknown_flag": lambda: usage("unrecognized arguments: " + args.get("_unknown", "--no-such-flag")),
        "bad_dtype": lambda: usage(f"argument --dtype: invalid choice: '{args.get('dtype', 'float12')}' (choose from "
                                   "auto, bfloat16, float, float16, float32, half)"),
        "no_such_model": lambda: api(["huggingface_hub.errors.HFValidationError: Repo id must be in the form "
                                      f"'repo_name' or 'namespace/repo_name': '{model}'. Use `repo_type` argument if "
                                      "needed."]),
        "no_such_model_offline": lambda: api(["huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an "
                                              "appropriate cached snapshot folder for the specified revision on the "
                                              "local disk and outgoing traffic has been disabled."]),
        "max_model_len": lambda: api(["pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
                                      "  Value error, User-specified max_model_len "
                                      f"({args.get('max-model-len', '9999999')}) is greater than the derived "
                                      f"max_model_len (max_position_embeddings={args.get('_derived', 1024)} or "
                                      "model_max_length=None in model's config.json)."]),
        "bad_config": lambda: api([f"OSError: It looks like the config file at '{model}/config.json' is not a valid "
                                   "JSON file."]),
        "unknown_architecture": lambda: api(["pydantic_core._pydantic_core.ValidationError: 1 validation error for "
                                             "ModelConfig",
                                             "  Value error, The checkpoint you are trying to load has model type "
                                             "`nope` but Transformers does not recognize this architecture. This "
                                             "could be because of an issue with the checkpoint, or because your "
                                             "version of Transformers is out of date."]),
        "no_tokenizer": lambda: api(["ValueError: Couldn't instantiate the backend tokenizer from one of:"]),
        "port_in_use": lambda: api([f"OSError: [Errno 98] Address already in use"]),
        "host_not_local": lambda: api(["OSError: [Errno 99] Cannot assign requested address"]),
        "truncated_weights": lambda: engine(["safetensors_rust.SafetensorError: Error while deserializing header: "
                                             "incomplete metadata, file not fully covered"]),
        "garbage_weights": lambda: engine(["safetensors_rust.SafetensorError: Error while deserializing header: "
                                           "header too large"]),
        "no_weights": lambda: engine([f"RuntimeError: Cannot find any model weights with `{model}`"]),
        "shape_mismatch": lambda: engine(["RuntimeError: The size of tensor a (640) must match the size of tensor b "
                                          "(320) at non-singleton dimension 0"]),
        "kv_cache_memory": lambda: engine(["ValueError: Available memory on node 0 (9.0/10.84 GiB) on startup is less "
                                           "than requested CPU memory for KV cache (200.0 GiB). Decrease the value or "
                                           "reduce CPU memory used by other processes."]),
        "kv_env_unset": lambda: engine(["ValueError: No available memory for the cache blocks. Try increasing "
                                        "`gpu_memory_utilization` when initializing the engine."]),
        "cuda_out_of_memory": lambda: engine(["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB. "
                                              "GPU 0 has a total capacity of 14.74 GiB of which 512.00 MiB is free."]),
        "bfloat16_on_t4": lambda: engine(["ValueError: Bfloat16 is only supported on GPUs with compute capability of "
                                          "at least 8.0. Your Tesla T4 GPU has compute capability 7.5. You can use "
                                          "float16 instead by explicitly setting the `dtype` flag in CLI, for example: "
                                          "--dtype=half."]),
        "sleep_mode": lambda: api(["ValueError: Sleep mode is not supported on current platform."]),
        "killed": killed,
    }
    if name not in table:
        err(f"vllm_standin: no start failure is called {name!r}; there are: {', '.join(sorted(table))}\n")
        return 64
    return table[name]()
