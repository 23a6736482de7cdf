import CanonicalJSON

/// vLLM flags on their way from a manifest to a plane: in one environment variable, as a JSON list of arguments, since the
/// serving API has no field for them.
package struct EngineArguments: Sendable, Hashable {
  /// The environment variable that carries the arguments.
  package static let variable = ReservedNames.environmentPrefix + "ENGINE_ARGS"

  package var dtype: String?
  package var maxModelLen: Int?
  package var gpuMemoryUtilization: Double?
  package var extra: [String]?

  package init(
    dtype: String? = nil, maxModelLen: Int? = nil, gpuMemoryUtilization: Double? = nil, extra: [String]? = nil
  ) {
    self.dtype = dtype
    self.maxModelLen = maxModelLen
    self.gpuMemoryUtilization = gpuMemoryUtilization
    self.extra = extra
  }

  /// The arguments in vLLM's words, in one fixed order.
  package var flags: [String] {
    var flags: [String] = []
    if let dtype { flags += ["--dtype", dtype] }
    if let maxModelLen { flags += ["--max-model-len", String(maxModelLen)] }
    if let gpuMemoryUtilization { flags += ["--gpu-memory-utilization", String(gpuMemoryUtilization)] }
    return flags + (extra ?? [])
  }

  /// The variable's value, or nil when there are no arguments.
  package var text: String? {
    let flags = flags
    return flags.isEmpty ? nil : JSONValue.array(flags.map { .string($0) }).text()
  }

  /// These arguments where they are given, else the shared ones.
  func over(_ shared: EngineArguments) -> EngineArguments {
    EngineArguments(
      dtype: dtype ?? shared.dtype, maxModelLen: maxModelLen ?? shared.maxModelLen,
      gpuMemoryUtilization: gpuMemoryUtilization ?? shared.gpuMemoryUtilization, extra: extra ?? shared.extra)
  }

  /// What is wrong with an argument as an item of `extraArgs`: flags with a field of their own and flags of the plane's.
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
    if ["--host", "--port", "--uds", "--model", "--served-model-name", "--api-key"].contains(flag) {
      return Fault("\(flag) is set by the plane, which must be able to reach the replica", suggestion: "remove it")
    }
    if argument.contains(where: \.isWhitespace), !argument.contains("=") {
      return Fault("\(flag.prefix { !$0.isWhitespace }) and its value are in one item", suggestion: "write two items")
    }
    return nil
  }
}
