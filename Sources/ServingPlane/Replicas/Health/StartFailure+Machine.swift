extension StartFailure {
  // The first match wins, so specific rules come before general ones.
  static let machineRules: [Rule] = [
    machine(
      "no-vllm", ["no module named", "vllm"], "vLLM is not installed for {program}; install it there, or \(namePython)"),
    machine(
      "no-vllm", ["no module named", "'torch"],
      "torch is not installed for {program}; install it there, or \(namePython)"),
    machine(
      "no-vllm", ["no module named", "'transformers"],
      "transformers is not installed for {program}; install it there, or \(namePython)"),
    machine(
      "no-gpu-driver", ["importerror:", "libcuda.so"],
      "vLLM found no NVIDIA driver (libcuda.so); install it, or \(namePython)"),
    machine(
      "damaged-vllm", ["importerror:", ".so"],
      "{program} cannot load a native library; repair its installation, or \(namePython)"),
    machine("no-gpu", ["no cuda gpus are available"], "vLLM found no GPU that it can use; check nvidia-smi"),
    machine("no-gpu-driver", ["found no nvidia driver"], "vLLM was built for NVIDIA GPUs, but no driver was found"),
    machine(
      "old-gpu-driver", ["nvidia driver", "too old"], "the NVIDIA driver is too old for this vLLM; update the driver"),
    machine(
      "old-gpu-driver", ["driver version is insufficient"],
      "the NVIDIA driver is too old for this vLLM; update the driver"),
    machine(
      "old-gpu-driver", ["driver/library version mismatch"], "the NVIDIA driver was updated; restart the machine"),
    machine("no-gpu-driver", ["nvmlerror"], "the NVIDIA driver does not answer; check nvidia-smi"),
    machine(
      "wrong-vllm", ["failed to infer device type"],
      "the vLLM of {program} was not built for this machine's hardware; install one that was, or \(namePython)"),
    machine("no-shared-memory", ["insufficient shared memory"], sharedMemory),
    machine("no-shared-memory", ["unable to allocate shared memory"], sharedMemory),
    machine("no-shared-memory", ["unable to open shared memory"], sharedMemory),
    machine("no-shared-memory", ["creating shared memory segment"], sharedMemory),
    machine("disk-full", ["no space left on device"], "the disk, or /dev/shm, is full; free some space"),
    machine("disk-full", ["disk quota exceeded"], "the disk quota of the plane's user is used up; free some space"),
    machine("read-only-disk", ["read-only file system"], "{engine} needs to write to a read-only file system"),
    machine("too-many-files", ["too many open files"], "the open file limit is too low; raise it (ulimit -n)"),
    machine(
      "port-in-use", ["address already in use"], "another program took the replica's port"),
  ]

  /// The advice for a Python that cannot run vLLM.
  static let namePython = "start the plane with another --python"

  private static let sharedMemory =
    "/dev/shm is too small or full; give the machine or the container more shared memory"

  private static func machine(_ code: String, _ words: [String], _ explanation: String) -> Rule {
    Rule(code, words: words, explanation: explanation, isMachines: true)
  }
}
