import Testing

@testable import HTTPSupport

@Suite struct IdleConnectionsTests {
  @Test func `the longest idle connection is closed for a new one, and none with a request is`() {
    var idleConnections = IdleConnections(limit: 3)
    for id in 1...3 as ClosedRange<IdleConnections.ID> { #expect(idleConnections.opened(id) == .admitted) }
    idleConnections.becameBusy(1)
    idleConnections.becameBusy(2)
    idleConnections.becameIdle(2)
    // 3 has been idle since before 2 became idle again.
    #expect(idleConnections.opened(4) == .admittedInsteadOf(3))
    #expect(idleConnections.opened(5) == .admittedInsteadOf(2))
    idleConnections.becameBusy(4)
    idleConnections.becameBusy(5)
    #expect(idleConnections.opened(6) == .turnedAway)
    idleConnections.closed(1)
    #expect(idleConnections.opened(7) == .admitted && idleConnections.count == 3)
  }

  @Test func `a connection that was closed or evicted is not counted again`() {
    var idleConnections = IdleConnections(limit: 1)
    #expect(idleConnections.opened(1) == .admitted)
    #expect(idleConnections.opened(2) == .admittedInsteadOf(1))
    // The first one learns of it later.
    idleConnections.becameBusy(1)
    idleConnections.becameIdle(1)
    idleConnections.closed(1)
    #expect(idleConnections.count == 1)
    #expect(idleConnections.opened(3) == .admittedInsteadOf(2))
  }

  @Test func `a hundred thousand requests leave nothing behind`() {
    var idleConnections = IdleConnections(limit: 10)
    for id in 1...10 as ClosedRange<IdleConnections.ID> { _ = idleConnections.opened(id) }
    for turn in 0..<100_000 {
      let id = IdleConnections.ID(turn % 10 + 1)
      idleConnections.becameBusy(id)
      idleConnections.becameIdle(id)
    }
    #expect(idleConnections.remembered < 200)
    #expect(idleConnections.opened(11) == .admittedInsteadOf(1))
  }

  @Test func `connections are limited well below the open file limit`() {
    for files in [256, 1024, 20_000, 1_000_000] {
      let limit = OpenFileLimit(files: files)
      let connections = limit.connections(perClient: 2, cores: 2)
      #expect(connections >= 16 && 2 * connections + 32 + 48 < files && connections <= 10_000)
      #expect(limit.connections(perClient: 1, cores: 2) >= connections)
    }
    #expect(OpenFileLimit(files: 64).connections(perClient: 2, cores: 64) == 16)
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
