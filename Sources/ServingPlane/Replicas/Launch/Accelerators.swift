import Subprocess

/// The GPUs of this machine.
struct Accelerators: Hashable, Sendable {
  struct GPU: Hashable, Sendable {
    let index: Int
    let name: String
    /// In bytes; nil if the driver does not say.
    var memory: Int64?
  }

  let gpus: [GPU]

  static let none = Accelerators(gpus: [])

  /// Queries `nvidia-smi`. A machine on which it is missing or fails has no GPU.
  static func detect() async -> Accelerators {
    do {
      let result = try await Subprocess.run(
        .name("nvidia-smi"), arguments: ["--query-gpu=index,name,memory.total", "--format=csv,noheader"],
        output: .string(limit: 64 * 1024), error: .discarded)
      guard result.terminationStatus.isSuccess else { return .none }
      return Accelerators(listing: result.standardOutput)
    } catch {
      return .none
    }
  }

  init(gpus: [GPU]) { self.gpus = gpus }

  /// Parses lines such as `0, NVIDIA A10G, 23028 MiB`. The memory may be missing or `[N/A]`.
  init(listing: String) {
    gpus = listing.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(separator: ",", maxSplits: 2).map { $0.trimming(" ") }
      guard fields.count >= 2, let index = Int(fields[0]) else { return nil }
      return GPU(index: index, name: fields[1], memory: fields.count == 3 ? Self.bytes(fields[2]) : nil)
    }
  }

  /// Parses a size such as `23028 MiB`.
  private static func bytes(_ text: String) -> Int64? {
    let parts = text.split(separator: " ")
    guard parts.count == 2, parts[1] == "MiB", let number = Int64(parts[0]), (1...(1 << 30)).contains(number) else {
      return nil
    }
    return number << 20
  }

  /// One line of text.
  var summary: String {
    guard !gpus.isEmpty else { return "no NVIDIA GPU, so every workload runs on the CPU" }
    return gpus.map { "GPU \($0.index) \($0.name)" }.joined(separator: ", ")
  }

  /// The GPUs for one more replica, from the free ones; empty for one that runs on the CPU.
  ///
  /// - Parameter inUse: the devices of all replicas that have not ended: one that is leaving keeps its GPUs until it is
  ///   gone.
  /// - Returns: nil if too few are free.
  func devices(for workloadType: String, inUse: some Sequence<Int>) -> [Int]? {
    let taken = Set(inUse)
    let free = gpus.map(\.index).filter { !taken.contains($0) }.sorted()
    let count = places(for: workloadType)
    return free.count >= count ? Array(free.prefix(count)) : nil
  }

  /// The number of this machine's GPUs that one replica takes: none on a machine without, where every type runs on the
  /// CPU.
  func places(for workloadType: String) -> Int { gpus.isEmpty ? 0 : Self.gpuCount(workloadType) }

  /// The number of GPUs that a workload type stands for (serving-api.md 6.2): none for the CPU, four for
  /// `MULTIGPU_MEDIUM`, otherwise its trailing number, or one.
  static func gpuCount(_ workloadType: String) -> Int {
    if workloadType == "CPU" || workloadType.hasPrefix("CPU_") { return 0 }
    if workloadType == "MULTIGPU_MEDIUM" { return 4 }
    return workloadType.split(separator: "_").last.flatMap { Int($0) } ?? 1
  }

  /// Why this machine can never run a config; nil if it can.
  func finding(_ entities: [PlaneEntity]) -> String? {
    guard !gpus.isEmpty else { return nil }
    let present = "this machine has \(gpus.count) (\(summary))"
    if let entity = entities.first(where: { places(for: $0.workloadType) > gpus.count }) {
      let needed = places(for: entity.workloadType)
      return
        "served entity \"\(entity.name)\": workload_type \(entity.workloadType) needs \(Self.count(needed)) for each "
        + "replica; \(present)"
    }
    let total = entities.reduce(0) { $0 + places(for: $1.workloadType) * $1.leastReplicas }
    guard total > gpus.count else { return nil }
    let least = entities.contains(where: \.followsLoad) ? "its least number of" : "all its"
    return "the config needs \(Self.count(total)) for \(least) replicas; \(present)"
  }

  private static func count(_ gpus: Int) -> String { gpus == 1 ? "1 GPU" : "\(gpus) GPUs" }

  /// The note on an endpoint about where it runs; nil if it runs on the requested hardware.
  func remark(for workloadType: String) -> String? {
    guard gpus.isEmpty, Self.gpuCount(workloadType) > 0 else { return nil }
    return "this machine has no NVIDIA GPU, so vLLM runs \(workloadType) on the CPU"
  }
}
