import Testing

@Suite struct QuirkTests {
  @Test func `every documented quirk has one row`() {
    #expect(Quirk.table.map(\.number) == Array(1...79))
  }

  @Test func `a row that is no concern of ours says why`() {
    for quirk in Quirk.table {
      if case .noConcern(let why) = quirk.answer { #expect(why.count > 20, "Q\(quirk.number)") }
    }
  }

  @Test(arguments: Quirk.table.filter { $0.check != nil })
  func `a quirk does not bite`(quirk: Quirk) async throws {
    try await quirk.check?(.inPlace)
  }

  @Test(arguments: Quirk.table.filter(\.canBeTakenOut))
  func `a quirk bites once its handling is taken out`(quirk: Quirk) async throws {
    let check = try #require(quirk.check)
    await #expect(throws: QuirkViolation.self) { try await check(.takenOut) }
  }

  @Test func `about 25 rows are shown to fail without their handling`() {
    #expect(Quirk.table.count(where: \.canBeTakenOut) >= 25)
  }
}
