import Testing

@Suite struct QuirkTests {
  @Test func `every documented quirk has one row`() {
    #expect(Quirk.table.map(\.number) == Array(1...79))
  }

  @Test func `a quirk that does not concern Setpoint says why`() {
    for quirk in Quirk.table {
      if case .noConcern(let why) = quirk.coverage { #expect(why.count > 20, "Q\(quirk.number)") }
    }
  }

  @Test(arguments: Quirk.table.filter { $0.check != nil })
  func `a quirk does no harm`(quirk: Quirk) async throws {
    try await quirk.check?(.inPlace)
  }

  @Test(arguments: Quirk.table.filter(\.canBeTakenOut))
  func `a quirk does harm once its handling is removed`(quirk: Quirk) async throws {
    let check = try #require(quirk.check)
    await #expect(throws: QuirkViolation.self) { try await check(.takenOut) }
  }

  @Test func `at least 25 quirks are shown to do harm without their handling`() {
    #expect(Quirk.table.count(where: \.canBeTakenOut) >= 25)
  }
}
