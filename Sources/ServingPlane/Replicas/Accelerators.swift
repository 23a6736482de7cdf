import Subprocess

/// The GPUs of this machine.
struct Accelerators: Hashable, Sendable {
  struct GPU: Hashable, Sendable {
    let index: Int
    let name: String
  }

  let gpus: [GPU]

  static let none = Accelerators(gpus: [])

  /// Asks `nvidia-smi`. A machine without it, or on which it fails, has no GPU.
  static func detect() async -> Accelerators {
    do {
      let result = try await Subprocess.run(
        .name("nvidia-smi"), arguments: ["--query-gpu=index,name", "--format=csv,noheader"],
        output: .string(limit: 64 * 1024), error: .discarded)
      guard result.terminationStatus.isSuccess else { return .none }
      return Accelerators(listing: result.standardOutput)
    } catch {
      return .none
    }
  }

  init(gpus: [GPU]) { self.gpus = gpus }

  /// Reads lines such as `0, NVIDIA A10G`.
  init(listing: String) {
    gpus = listing.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(separator: ",", maxSplits: 1).map { $0.trimming(" ") }
      guard fields.count == 2, let index = Int(fields[0]) else { return nil }
      return GPU(index: index, name: fields[1])
    }
  }

  /// One line for people.
  var summary: String {
    guard !gpus.isEmpty else { return "no NVIDIA GPU, so every workload runs on the CPU" }
    return gpus.map { "GPU \($0.index) \($0.name)" }.joined(separator: ", ")
  }

  /// The GPUs for one more replica: the least used first, as many as the workload type names and the machine has.
  ///
  /// - Parameter inUse: the devices of the replicas that run now, each as often as it is used.
  func devices(for workloadType: String, inUse: [Int]) -> [Int] {
    let uses = Dictionary(inUse.map { ($0, 1) }, uniquingKeysWith: +)
    let ranked = gpus.map(\.index).sorted { (uses[$0, default: 0], $0) < (uses[$1, default: 0], $1) }
    return Array(ranked.prefix(Self.gpuCount(workloadType))).sorted()
  }

  /// How many GPUs a workload type stands for (contract 6.2): its trailing number, or four for `MULTIGPU_MEDIUM`.
  static func gpuCount(_ workloadType: String) -> Int {
    if workloadType == "MULTIGPU_MEDIUM" { return 4 }
    return workloadType.split(separator: "_").last.flatMap { Int($0) } ?? 1
  }

  /// What to say on an endpoint about where it runs; nil where it runs on what was asked for.
  func remark(for workloadType: String) -> String? {
    guard gpus.isEmpty, !workloadType.hasPrefix("CPU") else { return nil }
    return "this machine has no NVIDIA GPU, so vLLM runs \(workloadType) on the CPU"
  }
}
