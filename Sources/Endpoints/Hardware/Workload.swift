/// The words for accelerators: people's and the serving API's (serving-api.md 6.2).
package enum Workload {
  /// People's words and the API's. Where two clouds have a word in common it means the same API word in both, so a manifest is
  /// read without knowing the cloud; whether the cloud has such hardware is a rule's to say (``WorkspaceRule/hardwareOfCloud``).
  private static let friendly: KeyValuePairs = [
    "T4": "GPU_SMALL", "A10": "GPU_MEDIUM", "L4": "GPU_MEDIUM", "A100": "GPU_LARGE", "H100": "GPU_XLARGE", "CPU": "CPU",
  ]

  private static let apiWords = [
    "CPU_MEDIUM", "CPU_LARGE", "GPU_SMALL", "GPU_MEDIUM", "MULTIGPU_MEDIUM", "GPU_MEDIUM_8", "GPU_LARGE",
    "GPU_LARGE_RTX",
    "GPU_LARGE_2", "GPU_LARGE_4", "GPU_LARGE_8", "GPU_XLARGE", "GPU_XLARGE_8",
  ]

  /// Every word that a manifest may use without a warning.
  package static let words = friendly.map(\.key) + apiWords

  /// The API's word for a word of a manifest; words that are not known stay as they are.
  package static func apiWord(_ word: String) -> String {
    friendly.first { $0.key == word }?.value ?? word
  }

  /// Whether the word is people's and not the API's.
  package static func isFriendly(_ word: String) -> Bool { apiWord(word) != word }

  /// The API's word as people read it; a word that has no other name stands alone.
  ///
  /// - Parameter cloud: the workspace's, whose silicon is named: `A10 (GPU_MEDIUM, 1x A10G 24 GB)`. Nil: a plane's class of
  ///   hardware, `A10 (GPU_MEDIUM)`.
  package static func shown(_ apiWord: String, on cloud: Cloud? = nil) -> String {
    if let cloud { return HardwareOffer.of(apiWord, on: cloud)?.description ?? apiWord }
    let name = friendly.first { $0.value == apiWord && $0.key != apiWord }?.key
    return name.map { "\($0) (\(apiWord))" } ?? apiWord
  }

  /// Whether the word is for processors without an accelerator.
  package static func isCPU(_ apiWord: String) -> Bool { ["CPU", "CPU_MEDIUM", "CPU_LARGE"].contains(apiWord) }

  /// Whether the accelerator computes in bfloat16; a T4, which is what `GPU_SMALL` is on every cloud, does not.
  package static func hasBFloat16(apiWord: String) -> Bool { apiWord != "GPU_SMALL" }
}
