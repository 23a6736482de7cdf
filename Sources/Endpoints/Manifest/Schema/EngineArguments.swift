import CanonicalJSON

/// vLLM flags passed from a manifest to a plane: in one environment variable, as a JSON list of arguments, because the
/// serving API has no field for them.
package struct EngineArguments: Sendable, Hashable {
  /// The environment variable that carries the arguments.
  package static let variable = ReservedNames.environmentPrefix + "ENGINE_ARGS"

  package var dtype: String?
  package var maxModelLen: Int?
  package var gpuMemoryUtilization: Double?
  package var extra: [String]?
  /// The LoRA adapters, which are no flags: a plane makes flags of them. They have a variable of their own
  /// (``EngineAdapters``).
  package var adapters: [EngineAdapter]?

  package init(
    dtype: String? = nil, maxModelLen: Int? = nil, gpuMemoryUtilization: Double? = nil, extra: [String]? = nil,
    adapters: [EngineAdapter]? = nil
  ) {
    self.dtype = dtype
    self.maxModelLen = maxModelLen
    self.gpuMemoryUtilization = gpuMemoryUtilization
    self.extra = extra
    self.adapters = adapters
  }

  /// The arguments as vLLM flags, in a fixed order.
  package var flags: [String] {
    var flags: [String] = []
    if let dtype { flags += ["--dtype", dtype] }
    if let maxModelLen { flags += ["--max-model-len", String(maxModelLen)] }
    if let gpuMemoryUtilization { flags += ["--gpu-memory-utilization", String(gpuMemoryUtilization)] }
    return flags + (extra ?? [])
  }

  /// The variable's value; nil if there are no arguments.
  package var text: String? {
    let flags = flags
    return flags.isEmpty ? nil : JSONValue.array(flags.map { .string($0) }).text()
  }

  /// Returns these arguments if given, else the shared ones.
  func over(_ shared: EngineArguments) -> EngineArguments {
    EngineArguments(
      dtype: dtype ?? shared.dtype, maxModelLen: maxModelLen ?? shared.maxModelLen,
      gpuMemoryUtilization: gpuMemoryUtilization ?? shared.gpuMemoryUtilization, extra: extra ?? shared.extra,
      adapters: adapters ?? shared.adapters)
  }

  /// Whether the flags name LoRA adapters themselves; vLLM uses only the last list.
  var namesLoRAModules: Bool {
    (extra ?? []).contains { $0.prefix { $0 != "=" }.replacing("_", with: "-") == "--lora-modules" }
  }

  /// Returns the fault of an argument in `extraArgs`: flags that have their own field, and flags that the plane sets.
  static func fault(inExtra argument: String) -> Fault? {
    if argument.isEmpty { return Fault("is empty") }
    guard argument.hasPrefix("-") else { return nil }
    let flag = String(argument.prefix { $0 != "=" }).replacing("_", with: "-")
    if let field = [
      "--dtype": "dtype", "--max-model-len": "maxModelLen", "--gpu-memory-utilization": "gpuMemoryUtilization",
    ][
      flag]
    {
      return Fault("\(flag) has its own field", suggestion: "write engine.\(field)")
    }
    switch flag {
    case "--host", "--port", "--uds", "--api-key":
      return Fault("\(flag) is set by the plane, which must be able to reach the replica", suggestion: "remove it")
    case "--model":
      return Fault("\(flag) is not allowed: model and entityVersion say what is served", suggestion: "remove it")
    case "--served-model-name":
      return Fault("\(flag) is not allowed: requests use the endpoint's name as model", suggestion: "remove it")
    default: break
    }
    if argument.contains(where: \.isWhitespace), !argument.contains("=") {
      return Fault("\(flag.prefix { !$0.isWhitespace }) and its value are in one item", suggestion: "write two items")
    }
    return nil
  }
}
