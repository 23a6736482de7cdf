/// What a replica needs of each of its GPUs at the least, and what its engine may use of them. Pure.
///
/// vLLM refuses to start unless the weights, and the keys and values of one request of the maximum length, fit into its
/// share of the memory. It also needs memory for activations, which is not counted here: what does not fit by this
/// estimate does not fit at all.
struct MemoryEstimate: Hashable, Sendable {
  /// One of the GPUs.
  struct Device: Hashable, Sendable {
    let name: String
    /// In bytes.
    let memory: Int64
  }

  /// A way of serving the model with more GPUs.
  struct Alternative: Hashable, Sendable {
    let workloadType: String
    let gpus: Int
  }

  /// The bytes of all weights.
  let weights: Int64
  /// Nil if the size of the KV cache is unknown.
  let attention: ModelShape.Attention?
  /// The bytes of one element of the KV cache.
  let elementSize: Int64
  /// The most tokens of a request; nil if unknown.
  let length: Int?
  let device: Device
  /// The part of the memory that the engine may use (`--gpu-memory-utilization`).
  let utilization: Double
  /// The number of GPUs that share the model (`--tensor-parallel-size`).
  let shards: Int
  /// Whether the config or the entrypoint says how many. Otherwise it is the number of GPUs of the workload type.
  var isShardingGiven = false

  /// The bytes that the engine may use of each GPU.
  var available: Int64 { Int64(Double(device.memory) * utilization) }

  /// Why the model does not fit, with the numbers and with what would; nil if it may.
  ///
  /// - Parameter alternatives: workload types with more GPUs that the machine can hold, the smallest first.
  func finding(alternatives: [Alternative] = []) -> String? {
    guard needed(shards) > available else { return nil }
    var needs = "needs \(Self.gibibytes(weightsEach(shards), rounded: .up)) for weights"
    if let request = requestEach(shards), let length {
      needs += " and \(Self.gibibytes(request, rounded: .up)) for one request of \(Self.grouped(length)) tokens"
    }
    if shards > 1 { needs += " on each of \(shards) GPUs" }
    let share = (utilization * 100).rounded()
    let leaves =
      "\(device.name) leaves \(Self.gibibytes(available, rounded: .down)) (\(Int(share))% of "
      + "\(Self.gibibytes(device.memory, rounded: .down)))"
    return "\(needs); \(leaves): \(advice(alternatives))"
  }

  /// The longest request that fits beside the weights, in a round number of tokens; nil if none does, or if unknown.
  var fittingLength: Int? {
    guard let attention, let length else { return nil }
    let left = available - weightsEach(shards)
    let tokens = left / attention.bytesPerToken(elementSize: elementSize, shards: shards)
    let step: Int64 = tokens >= 1024 ? 1024 : 16
    let rounded = tokens / step * step
    return rounded > 0 && rounded < Int64(length) ? Int(rounded) : nil
  }

  private func advice(_ alternatives: [Alternative]) -> String {
    var ways: [String] = []
    if let fittingLength { ways.append("lower engine.maxModelLen to \(Self.grouped(fittingLength))") }
    let larger = alternatives.first { alternative in
      guard alternative.gpus > shards, needed(alternative.gpus) <= available else { return false }
      // The heads are distributed evenly.
      return attention.map { $0.heads.isMultiple(of: alternative.gpus) } ?? true
    }
    if let larger {
      let option = isShardingGiven ? " with --tensor-parallel-size \(larger.gpus)" : ""
      ways.append("use \(larger.workloadType)\(option)")
    }
    if ways.isEmpty { ways = ["use GPUs with more memory", "a smaller or quantized version"] }
    return ways.joined(separator: ", or ")
  }

  private func needed(_ shards: Int) -> Int64 { weightsEach(shards) + (requestEach(shards) ?? 0) }

  private func weightsEach(_ shards: Int) -> Int64 { weights / Int64(max(1, shards)) }

  private func requestEach(_ shards: Int) -> Int64? {
    guard let attention, let length else { return nil }
    let each = attention.bytesPerToken(elementSize: elementSize, shards: shards)
    let (bytes, isTooLarge) = each.multipliedReportingOverflow(by: Int64(length))
    return isTooLarge ? 1 << 60 : min(bytes, 1 << 60)
  }

  /// Such as `15.2 GiB`. Needs are rounded up and room is rounded down, so that the numbers show what is missing.
  static func gibibytes(_ bytes: Int64, rounded rule: FloatingPointRoundingRule) -> String {
    let tenths = Int64((Double(bytes) / Double(1 << 30) * 10).rounded(rule))
    return "\(tenths / 10).\(tenths % 10) GiB"
  }

  /// Such as `8,192`.
  static func grouped(_ number: Int) -> String {
    var digits = String(number)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
  }
}
