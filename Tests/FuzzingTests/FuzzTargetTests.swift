import Testing

@testable import Fuzzing

@Suite struct FuzzTargetTests {
  @Test(arguments: FuzzTarget.all.map(\.name))
  func `every property holds for the first inputs, of which some are accepted`(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let accepted = try target.run(0..<2000, seed: 7)
    #expect(accepted > 50 && accepted < 2000)
  }

  @Test func `an input that breaks a property is reported, and its index is enough to run it again`() throws {
    let target = FuzzTarget("broken", Mutator(examples: ["a b c"], tokens: ["x"])) { bytes throws(BrokenProperty) in
      guard bytes.count < 8 else { throw BrokenProperty("no input is longer than 7 bytes") }
      return true
    }
    let failure = try #require(throws: FuzzFailure.self) { try target.run(0..<1000, seed: 3) }
    #expect(failure.description.contains("broken, seed 3, input \(failure.index): no input is longer than 7 bytes"))
    let again = try #require(throws: FuzzFailure.self) {
      try target.run(failure.index..<(failure.index + 1), seed: 3)
    }
    #expect(again.input == failure.input && again.input.count >= 8)
  }
}
