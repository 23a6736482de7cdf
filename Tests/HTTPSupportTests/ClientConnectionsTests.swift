import NIOCore
import Synchronization
import Testing

@testable import HTTPSupport

@Suite struct ClientConnectionsTests {
  /// Connections of a listener that admits a few, and the numbers of those that it closed.
  private final class Listener: Sendable {
    let connections: ClientConnections
    let closed = Mutex<[Int]>([])

    init(limit: Int) {
      var limits = ClientLimits()
      limits.maxConnections = limit
      connections = ClientConnections(limits)
    }

    func connection(_ number: Int, idleSince second: UInt64) -> ConnectionActivity {
      ConnectionActivity(idleSince: Self.second(second)) { [self] _ in closed.withLock { $0.append(number) } }
    }

    static func second(_ number: UInt64) -> NIODeadline { .uptimeNanoseconds(number * 1_000_000_000) }
  }

  @Test func `the longest idle connection is closed for a new one, and none with a request is`() {
    let listener = Listener(limit: 3)
    let all = (1...7).map { listener.connection($0, idleSince: UInt64($0)) }
    for connection in all[..<3] { #expect(listener.connections.open(connection)) }
    all[0].becameBusy()
    all[1].becameBusy()
    all[1].becameIdle(at: Listener.second(4))
    // 3 has been idle since before 2 became idle again.
    #expect(listener.connections.open(all[3]))
    all[3].becameBusy()
    #expect(listener.connections.open(all[4]))
    all[4].becameBusy()
    #expect(listener.closed.withLock { $0 } == [3, 2])
    #expect(!listener.connections.open(all[5]))
    listener.connections.closed(all[0])
    #expect(listener.connections.open(all[6]))
    #expect(listener.connections.admitted == 3 && listener.connections.count == 6)
  }

  @Test func `a connection that was closed or evicted is not counted again`() {
    let listener = Listener(limit: 1)
    let all = (1...3).map { listener.connection($0, idleSince: UInt64($0)) }
    #expect(listener.connections.open(all[0]))
    #expect(listener.connections.open(all[1]))
    // The first one learns of it later.
    all[0].becameBusy()
    all[0].becameIdle(at: Listener.second(1))
    #expect(listener.connections.admitted == 1)
    listener.connections.closed(all[0])
    listener.connections.closed(all[0])
    #expect(listener.connections.admitted == 1 && listener.connections.count == 1)
    #expect(listener.connections.open(all[2]))
    #expect(listener.closed.withLock { $0 } == [1, 2])
  }

  @Test func `requests in progress are counted over all connections`() {
    let connections = ClientConnections()
    connections.requestsBegan(1)
    connections.requestsBegan(1)
    connections.requestsEnded(2)
    #expect(connections.requests == 0 && !connections.isLeaving)
    connections.leave()
    #expect(connections.isLeaving)
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
