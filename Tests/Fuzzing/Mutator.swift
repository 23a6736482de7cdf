internal import TestKit

/// Derives inputs from examples: every input follows from a seed and an index alone, so a failing one can be run again.
package struct Mutator: Sendable {
  private let examples: [[UInt8]]
  private let tokens: [[UInt8]]
  /// Bytes of the longest input.
  private let longest: Int

  /// - Parameters:
  ///   - examples: valid inputs; must not be empty.
  ///   - tokens: fragments of the language, inserted at random places; must not be empty.
  package init(examples: [String], tokens: [String], longest: Int = 4096) {
    self.examples = examples.map { Array($0.utf8) }
    self.tokens = tokens.map { Array($0.utf8) }
    self.longest = longest
  }

  /// The input with this index: an example after up to eight changes.
  package func input(_ index: Int, seed: UInt64) -> [UInt8] {
    var dice = Dice(seed: seed &+ UInt64(index) &* 0x2545_F491_4F6C_DD1D)
    var bytes = pick(examples, &dice)
    for _ in 0..<dice.next(below: 9) { change(&bytes, &dice) }
    return bytes.count > longest ? Array(bytes[..<longest]) : bytes
  }

  private func change(_ bytes: inout [UInt8], _ dice: inout Dice) {
    let place = dice.next(below: bytes.count + 1)
    switch dice.next(below: 9) {
    case 0: bytes.insert(contentsOf: pick(tokens, &dice), at: place)
    case 1: bytes.replaceSubrange(range(from: place, in: bytes, &dice), with: pick(tokens, &dice))
    case 2: bytes.removeSubrange(range(from: place, in: bytes, &dice))
    case 3: bytes.insert(contentsOf: bytes[range(from: place, in: bytes, &dice)], at: dice.next(below: bytes.count + 1))
    case 4: bytes.insert(UInt8(truncatingIfNeeded: dice.next()), at: place)
    case 5 where place < bytes.count: bytes[place] ^= 1 << UInt8(dice.next(below: 8))
    case 6 where dice.next(below: 4) == 0: bytes.removeSubrange(place...)
    case 7:
      // The head of this one and the tail of another.
      let other = pick(examples, &dice)
      bytes.replaceSubrange(place..., with: other[dice.next(below: other.count + 1)...])
    case 8 where dice.next(below: 8) == 0:
      // Nesting.
      let token = pick(tokens, &dice)
      for _ in 0..<dice.next(below: 300) { bytes.insert(contentsOf: token, at: min(place, bytes.count)) }
    default: break
    }
  }

  private func range(from place: Int, in bytes: [UInt8], _ dice: inout Dice) -> Range<Int> {
    place..<(place + dice.next(below: min(32, bytes.count - place) + 1))
  }

  private func pick(_ list: [[UInt8]], _ dice: inout Dice) -> [UInt8] { list[dice.next(below: list.count)] }
}
