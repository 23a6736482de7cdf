import Synchronization

/// Random numbers for IDs and for the split of traffic, without a system call for each (SplitMix64; Steele, Lea and
/// Flood, 2014). Not for secrets.
final class RandomNumbers: RandomNumberGenerator, Sendable {
  private let state: Atomic<UInt64>

  init() { state = Atomic(UInt64.random(in: 0 ... .max)) }

  func next() -> UInt64 {
    var word = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A number in 0..<1.
  func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// 16 random hex digits for each word.
  func hexDigits(words: Int) -> String {
    String(unsafeUninitializedCapacity: 16 * words) { text in
      var word: UInt64 = 0
      for index in 0..<16 * words {
        if index.isMultiple(of: 16) { word = next() }
        let digit = UInt8(truncatingIfNeeded: word & 15)
        text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
        word >>= 4
      }
      return 16 * words
    }
  }
}
