/// The names of accelerators: friendly ones and the serving API's (serving-api.md 6.2).
package enum Workload {
  /// The friendly names and the API's. A name that two clouds share means the same API name in both, so a manifest can
  /// be read without knowing the cloud. A rule checks whether the cloud has the hardware
  /// (``WorkspaceRule/hardwareOfCloud``).
  private static let friendly: KeyValuePairs = [
    "T4": "GPU_SMALL", "A10": "GPU_MEDIUM", "L4": "GPU_MEDIUM", "A100": "GPU_LARGE", "H100": "GPU_XLARGE", "CPU": "CPU",
  ]

  private static let apiWords = [
    "CPU_MEDIUM", "CPU_LARGE", "GPU_SMALL", "GPU_MEDIUM", "MULTIGPU_MEDIUM", "GPU_MEDIUM_8", "GPU_LARGE",
    "GPU_LARGE_RTX",
    "GPU_LARGE_2", "GPU_LARGE_4", "GPU_LARGE_8", "GPU_XLARGE", "GPU_XLARGE_8",
  ]

  /// Every name that a manifest may use without a warning.
  package static let words = friendly.map(\.key) + apiWords

  /// Returns the API's name for a manifest's; unknown names are returned unchanged.
  package static func apiWord(_ word: String) -> String {
    friendly.first { $0.key == word }?.value ?? word
  }

  /// Whether the name is a friendly one and not the API's.
  package static func isFriendly(_ word: String) -> Bool { apiWord(word) != word }

  /// Returns an API name for people, along with its friendly name if it has one.
  ///
  /// - Parameter cloud: the workspace's cloud, whose hardware is shown: `A10 (GPU_MEDIUM, 1x A10G 24 GB)`; nil for a
  ///   plane's class of hardware, `A10 (GPU_MEDIUM)`.
  package static func shown(_ apiWord: String, on cloud: Cloud? = nil) -> String {
    if let cloud { return HardwareOffer.of(apiWord, on: cloud)?.description ?? apiWord }
    let name = friendly.first { $0.value == apiWord && $0.key != apiWord }?.key
    return name.map { "\($0) (\(apiWord))" } ?? apiWord
  }

  /// Whether the name is for CPUs without an accelerator.
  package static func isCPU(_ apiWord: String) -> Bool { ["CPU", "CPU_MEDIUM", "CPU_LARGE"].contains(apiWord) }

  /// Whether the accelerator supports bfloat16. A T4, which is `GPU_SMALL` on every cloud, does not.
  package static func hasBFloat16(apiWord: String) -> Bool { apiWord != "GPU_SMALL" }
}
