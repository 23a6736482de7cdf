import Testing

@testable import Gateway

@Suite struct CallerLedgerTests {
  @Test func `the longest idle connection is closed for a new one, and none with a request is`() {
    var ledger = CallerLedger(limit: 3)
    for id in 1...3 as ClosedRange<CallerLedger.ID> { #expect(ledger.opened(id) == .welcome) }
    ledger.becameBusy(1)
    ledger.becameBusy(2)
    ledger.becameIdle(2)
    // 3 has been idle since before 2 became idle again.
    #expect(ledger.opened(4) == .inPlaceOf(3))
    #expect(ledger.opened(5) == .inPlaceOf(2))
    ledger.becameBusy(4)
    ledger.becameBusy(5)
    #expect(ledger.opened(6) == .turnedAway)
    ledger.closed(1)
    #expect(ledger.opened(7) == .welcome && ledger.count == 3)
  }

  @Test func `a connection that was closed or evicted is not counted again`() {
    var ledger = CallerLedger(limit: 1)
    #expect(ledger.opened(1) == .welcome)
    #expect(ledger.opened(2) == .inPlaceOf(1))
    // The first one learns of it later.
    ledger.becameBusy(1)
    ledger.becameIdle(1)
    ledger.closed(1)
    #expect(ledger.count == 1)
    #expect(ledger.opened(3) == .inPlaceOf(2))
  }

  @Test func `a hundred thousand requests leave nothing behind`() {
    var ledger = CallerLedger(limit: 10)
    for id in 1...10 as ClosedRange<CallerLedger.ID> { _ = ledger.opened(id) }
    for turn in 0..<100_000 {
      let id = CallerLedger.ID(turn % 10 + 1)
      ledger.becameBusy(id)
      ledger.becameIdle(id)
    }
    #expect(ledger.remembered < 200)
    #expect(ledger.opened(11) == .inPlaceOf(1))
  }

  @Test func `connections are limited well below the open file limit`() {
    for files in [256, 1024, 20_000, 1_000_000] {
      let limit = OpenFileLimit(files: files)
      let connections = limit.connections(perCaller: 2, cores: 2)
      #expect(connections >= 16 && 2 * connections + 32 + 48 < files && connections <= 10_000)
      #expect(limit.connections(perCaller: 1, cores: 2) >= connections)
    }
    #expect(OpenFileLimit(files: 64).connections(perCaller: 2, cores: 64) == 16)
  }

  @Test func `large bodies leave the last eighth of the budget to small ones`() {
    let budget = ByteBudget(limit: 800_000)
    #expect(budget.take(700_000, total: 700_000))
    #expect(!budget.take(1, total: 700_001) && budget.held == 700_000)
    #expect(budget.take(60_000, total: 60_000))
    #expect(!budget.take(60_000, total: 60_000))
    budget.giveBack(700_000)
    #expect(budget.held == 60_000)
  }
}
