/// What one of the serving API's words for an accelerator stands for in one cloud (serving-api.md 6.2).
package struct Hardware: Hashable, Sendable, CustomStringConvertible {
  /// The accelerator's own name, such as `A10G`.
  package let silicon: String
  package let count: Int
  /// Memory of one accelerator in GB; nil where no source tells it.
  package let memoryEach: Int?

  package init(_ silicon: String, count: Int = 1, memoryEach: Int?) {
    self.silicon = silicon
    self.count = count
    self.memoryEach = memoryEach
  }

  /// Memory of all accelerators of one replica, in GB.
  package var memory: Int? { memoryEach.map { $0 * count } }

  /// Such as `4x A10G 24 GB`, where the memory is each one's.
  package var description: String { "\(count)x \(silicon)" + (memoryEach.map { " \($0) GB" } ?? "") }

  /// What the word stands for there; nil where it stands for nothing that is known.
  package static func of(_ apiWord: String, on cloud: Cloud) -> Hardware? {
    HardwareOffer.of(apiWord, on: cloud)?.hardware
  }
}

/// One line of the table of what workspaces offer: it moved three times in two years, so whatever is not in it passes with
/// a warning at most.
package struct HardwareOffer: Hashable, Sendable {
  /// The word a manifest may use in the API's place, in this cloud.
  package let word: String?
  package let apiWord: String
  package let cloud: Cloud
  package let hardware: Hardware
  /// Why not every workspace has it; nil: it is generally available.
  package let gate: String?
  /// The regions that have it; empty: the sources name none.
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

  /// As people read it: `A10 (GPU_MEDIUM, 1x A10G 24 GB)`.
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
    // Named in older lists only, which do not say which of the two A100s it is.
    HardwareOffer(nil, "GPU_LARGE_8", .aws, Hardware("A100", count: 8, memoryEach: nil)),
    HardwareOffer(
      "H100", "GPU_XLARGE", .aws, Hardware("H100", memoryEach: 80), gate: "it requires enrolment per workspace",
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

  /// What the word stands for in that cloud. Where the cloud is unknown, what it stands for in every cloud that knows it, if
  /// that is one thing.
  package static func of(_ apiWord: String, on cloud: Cloud) -> HardwareOffer? {
    guard cloud == .unknown else { return all.first { $0.apiWord == apiWord && $0.cloud == cloud } }
    let offers = all.filter { $0.apiWord == apiWord }
    guard let first = offers.first, offers.allSatisfy({ $0.hardware == first.hardware }) else { return nil }
    return first
  }

  /// Everything that a cloud is known to offer.
  package static func offers(on cloud: Cloud) -> [HardwareOffer] { all.filter { $0.cloud == cloud } }

  /// Whether any cloud knows the API's word.
  package static func isKnown(_ apiWord: String) -> Bool { all.contains { $0.apiWord == apiWord } }
}
