/// The hardware behind one of the serving API's accelerator names in one cloud (serving-api.md 6.2).
package struct Hardware: Hashable, Sendable, CustomStringConvertible {
  /// The accelerator's own name, such as `A10G`.
  package let silicon: String
  package let count: Int
  /// Memory of one accelerator in GB; nil if no source states it.
  package let memoryEach: Int?

  package init(_ silicon: String, count: Int = 1, memoryEach: Int?) {
    self.silicon = silicon
    self.count = count
    self.memoryEach = memoryEach
  }

  /// Memory of all accelerators of one replica, in GB.
  package var memory: Int? { memoryEach.map { $0 * count } }

  /// The hardware as text, such as `4x A10G 24 GB`, where the memory is per accelerator.
  package var description: String { "\(count)x \(silicon)" + (memoryEach.map { " \($0) GB" } ?? "") }

  /// Returns the hardware for an API name in a cloud; nil if unknown.
  package static func of(_ apiWord: String, on cloud: Cloud) -> Hardware? {
    HardwareOffer.of(apiWord, on: cloud)?.hardware
  }
}

/// One row of the table of hardware that workspaces offer. The table changed three times in two years, so hardware that
/// is not in it causes a warning at most.
package struct HardwareOffer: Hashable, Sendable {
  /// The name that a manifest may use instead of the API's, in this cloud.
  package let word: String?
  package let apiWord: String
  package let cloud: Cloud
  package let hardware: Hardware
  /// Why not every workspace has it; nil if it is generally available.
  package let gate: String?
  /// The regions that have it; empty if the sources name none.
  package let regions: [String]

  fileprivate init(
    _ word: String?, _ apiWord: String, _ cloud: Cloud, _ hardware: Hardware, gate: String? = nil,
    regions: [String] = []
  ) {
    self.word = word
    self.apiWord = apiWord
    self.cloud = cloud
    self.hardware = hardware
    self.gate = gate
    self.regions = regions
  }

  /// The offer as text: `A10 (GPU_MEDIUM, 1x A10G 24 GB)`.
  package var description: String {
    (word.map { $0 + " (" } ?? "") + apiWord + (word == nil ? " (" : ", ") + "\(hardware))"
  }

  package static let all: [HardwareOffer] = [
    HardwareOffer("T4", "GPU_SMALL", .aws, Hardware("T4", memoryEach: 16)),
    HardwareOffer("A10", "GPU_MEDIUM", .aws, Hardware("A10G", memoryEach: 24)),
    HardwareOffer(nil, "MULTIGPU_MEDIUM", .aws, Hardware("A10G", count: 4, memoryEach: 24)),
    HardwareOffer(nil, "GPU_MEDIUM_8", .aws, Hardware("A10G", count: 8, memoryEach: 24)),
    HardwareOffer(
      nil, "GPU_LARGE", .aws, Hardware("L40-class", memoryEach: 48), gate: "it is in Beta",
      regions: ["ap-northeast-1", "ap-northeast-2", "us-east-1", "us-east-2", "us-west-2", "eu-central-1"]),
    HardwareOffer(
      nil, "GPU_LARGE_RTX", .aws, Hardware("RTX PRO 6000", memoryEach: 96),
      gate: "it is available for custom LLM serving only",
      regions: ["us-east-1", "us-east-2", "us-west-2", "ap-northeast-1", "ap-northeast-2"]),
    // Only in older lists, which do not say which of the two A100s it is.
    HardwareOffer(nil, "GPU_LARGE_8", .aws, Hardware("A100", count: 8, memoryEach: nil)),
    HardwareOffer(
      "H100", "GPU_XLARGE", .aws, Hardware("H100", memoryEach: 80), gate: "it requires enrollment per workspace",
      regions: ["us-west-2"]),
    HardwareOffer(
      nil, "GPU_XLARGE_8", .aws, Hardware("H100", count: 8, memoryEach: 80), gate: "it is negotiated per account"),
    HardwareOffer("T4", "GPU_SMALL", .azure, Hardware("T4", memoryEach: 16)),
    HardwareOffer("A100", "GPU_LARGE", .azure, Hardware("A100", memoryEach: 80)),
    HardwareOffer(nil, "GPU_LARGE_2", .azure, Hardware("A100", count: 2, memoryEach: 80)),
    HardwareOffer(nil, "GPU_LARGE_4", .azure, Hardware("A100", count: 4, memoryEach: 80)),
    HardwareOffer(nil, "GPU_LARGE_8", .azure, Hardware("A100", count: 8, memoryEach: 80)),
    HardwareOffer("L4", "GPU_MEDIUM", .gcp, Hardware("L4", memoryEach: 24)),
  ]

  /// Returns the offer for an API name in a cloud. If the cloud is unknown, returns the offer of every cloud that has
  /// the name, provided that they agree.
  package static func of(_ apiWord: String, on cloud: Cloud) -> HardwareOffer? {
    guard cloud == .unknown else { return all.first { $0.apiWord == apiWord && $0.cloud == cloud } }
    let offers = all.filter { $0.apiWord == apiWord }
    guard let first = offers.first, offers.allSatisfy({ $0.hardware == first.hardware }) else { return nil }
    return first
  }

  /// Returns everything that a cloud is known to offer.
  package static func offers(on cloud: Cloud) -> [HardwareOffer] { all.filter { $0.cloud == cloud } }

  /// Whether any cloud has the API's name.
  package static func isKnown(_ apiWord: String) -> Bool { all.contains { $0.apiWord == apiWord } }
}
