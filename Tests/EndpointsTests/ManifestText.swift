import Endpoints

/// A manifest's text with the usual head; its spec begins in line 6.
func manifest(name: String = "chat", _ spec: String) -> String {
  let lines = spec.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "  " + $0 }
  return """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: \(name)
    spec:
    \(lines.joined(separator: "\n"))

    """
}

/// The result of reading the text as the file `f.yaml`.
func read(_ text: String) -> ManifestSet {
  ManifestSet.read([(file: "f.yaml", bytes: Array(text.utf8))])
}

/// The findings as lines, without the file name.
func findings(_ text: String) -> [String] {
  read(text).findings.map { String($0.description.dropFirst("f.yaml:".count)) }
}

/// A small deterministic generator (SplitMix64), so that a failure can be reproduced.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
