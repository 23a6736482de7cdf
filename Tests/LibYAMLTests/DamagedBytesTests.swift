import LibYAML
import Testing

@Suite struct `Damaged bytes` {
  @Test(arguments: 0..<8 as Range<UInt64>) func `damaged bytes never crash the reader`(seed: UInt64) {
    var random = Random(seed: seed)
    let whole = Array(
      "%YAML 1.2\n---\na: &x {b: [1, 'c', \"d\\n\"], <<: {e: |\n  f\n}}\n? g\n: *x\n--- !t >-\n h\n...\n".utf8)
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(whole[Int.random(in: 0..<whole.count, using: &random)], at: place)
        }
      }
      var last = 0
      YAMLParser.read(bytes, file: SourceFile("f")) { result in
        if case .failure(let error) = result {
          #expect(error.location.line >= 1 && error.location.column >= 1 && !error.message.isEmpty)
        }
        last += 1
        return last < 50
      }
    }
  }
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
