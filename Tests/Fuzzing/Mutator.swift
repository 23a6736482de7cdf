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
    var generator = SeededGenerator(seed: seed &+ UInt64(index) &* 0x2545_F491_4F6C_DD1D)
    var bytes = pick(examples, &generator)
    for _ in 0..<generator.next(below: 9) { change(&bytes, &generator) }
    return bytes.count > longest ? Array(bytes[..<longest]) : bytes
  }

  private func change(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let place = generator.next(below: bytes.count + 1)
    switch generator.next(below: 9) {
    case 0: bytes.insert(contentsOf: pick(tokens, &generator), at: place)
    case 1: bytes.replaceSubrange(range(from: place, in: bytes, &generator), with: pick(tokens, &generator))
    case 2: bytes.removeSubrange(range(from: place, in: bytes, &generator))
    case 3:
      bytes.insert(
        contentsOf: bytes[range(from: place, in: bytes, &generator)], at: generator.next(below: bytes.count + 1))
    case 4: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
    case 5 where place < bytes.count: bytes[place] ^= 1 << UInt8(generator.next(below: 8))
    case 6 where generator.next(below: 4) == 0: bytes.removeSubrange(place...)
    case 7:
      // The head of this one and the tail of another.
      let other = pick(examples, &generator)
      bytes.replaceSubrange(place..., with: other[generator.next(below: other.count + 1)...])
    case 8 where generator.next(below: 8) == 0:
      // Nesting.
      let token = pick(tokens, &generator)
      for _ in 0..<generator.next(below: 300) { bytes.insert(contentsOf: token, at: min(place, bytes.count)) }
    default: break
    }
  }

  private func range(from place: Int, in bytes: [UInt8], _ generator: inout SeededGenerator) -> Range<Int> {
    place..<(place + generator.next(below: min(32, bytes.count - place) + 1))
  }

  private func pick(_ list: [[UInt8]], _ generator: inout SeededGenerator) -> [UInt8] {
    list[generator.next(below: list.count)]
  }
}
