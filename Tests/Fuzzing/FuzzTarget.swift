/// One entry point for text from outside, and what must hold for every input. That it returns at all, without a trap, is
/// the first property.
package struct FuzzTarget: Sendable {
  package let name: String
  private let mutator: Mutator
  /// Checks one input. Returns whether the input was accepted, so that a run shows that it does not only test refusals.
  private let check: @Sendable ([UInt8]) throws(BrokenProperty) -> Bool

  init(
    _ name: String, _ mutator: Mutator, check: @escaping @Sendable ([UInt8]) throws(BrokenProperty) -> Bool
  ) {
    self.name = name
    self.mutator = mutator
    self.check = check
  }

  package static let all = [json, yaml, manifest, queryBody, traceParent]

  /// Runs the inputs with these indices.
  /// - Returns: the number of inputs that were accepted.
  /// - Throws: ``FuzzFailure`` at the first input that breaks a property.
  package func run(_ indices: Range<Int>, seed: UInt64) throws(FuzzFailure) -> Int {
    var accepted = 0
    for index in indices {
      let input = mutator.input(index, seed: seed)
      do throws(BrokenProperty) {
        if try check(input) { accepted += 1 }
      } catch {
        throw FuzzFailure(target: name, index: index, seed: seed, input: input, property: error.property)
      }
    }
    return accepted
  }
}

/// A property that does not hold.
struct BrokenProperty: Error {
  let property: String

  init(_ property: String) { self.property = property }
}

/// An input that breaks a property.
package struct FuzzFailure: Error, CustomStringConvertible {
  let target: String
  let index: Int
  let seed: UInt64
  package let input: [UInt8]
  let property: String

  package var description: String {
    "\(target), seed \(seed), input \(index): \(property)\n\(String(decoding: input, as: UTF8.self).debugDescription)"
  }
}
