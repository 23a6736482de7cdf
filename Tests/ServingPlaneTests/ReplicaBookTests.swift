import Gateway
import Testing

@testable import ServingPlane

/// The values from which a plane decides: its replicas on record, and the difference between two routings.
@Suite struct ReplicaBookTests {
  private func launch(_ version: Int) -> LaunchConfig {
    LaunchConfig(model: "hello", version: version, workloadType: "GPU_MEDIUM", environment: [:])
  }

  private func book(_ records: ReplicaRecord...) -> ReplicaBook {
    var book = ReplicaBook()
    for record in records { book[record.id] = record }
    return book
  }

  private func record(
    _ id: String, endpoint: String = "chat", version: Int = 1, devices: [Int] = [], created: Int64 = 0,
    ended: Int64? = nil
  ) -> ReplicaRecord {
    let placement = ReplicaPlacement(
      address: .tcp(host: "127.0.0.1", port: 20_001), devices: devices, handle: ReplicaHandle())
    var record = ReplicaRecord(
      id: id, endpoint: endpoint, launch: launch(version), configVersion: 1, placement: placement, created: created)
    record.ended = ended
    return record
  }

  @Test func `a replica holds its accelerators until it has ended`() {
    let replicas = book(
      record("a", devices: [0, 1]), record("b", endpoint: "wiki", devices: [2]), record("c", devices: [3], ended: 5))
    #expect(replicas.devicesInUse == 3)
    #expect(replicas.living.map(\.id).sorted() == ["a", "b"])
  }

  @Test func `only the logs of the last few ended replicas of an endpoint are kept`() {
    let replicas = book(
      record("a", ended: 1), record("b", ended: 3), record("c", ended: 2), record("d"),
      record("e", endpoint: "wiki", ended: 1))
    #expect(replicas.surplus(of: "chat", keeping: 1).map(\.id) == ["c", "a"])
    #expect(replicas.surplus(of: "chat", keeping: 4).isEmpty)
  }

  @Test func `the log of an entity is that of a replica that serves, otherwise of the newest`() {
    let replicas = book(
      record("a", created: 1), record("b", created: 2), record("c", created: 3),
      record("d", version: 2, created: 4), record("e", endpoint: "wiki", created: 5))
    #expect(replicas.logged(launch(1), of: "chat") { $0 == "a" }?.id == "a")
    #expect(replicas.logged(launch(1), of: "chat") { _ in false }?.id == "c")
    #expect(replicas.logged(launch(3), of: "chat") { _ in false } == nil)
  }

  @Test func `the last start of an endpoint is that of its newest replica that was ever ready`() {
    func started(_ id: String, created: Int64, in duration: Int64?, endpoint: String = "chat") -> ReplicaRecord {
      var record = record(id, endpoint: endpoint, created: created)
      record.startedIn = duration
      return record
    }
    let replicas = book(
      started("a", created: 1, in: 40_000), started("b", created: 2, in: 38_500), started("c", created: 3, in: nil),
      started("d", created: 4, in: 1_000, endpoint: "wiki"))
    #expect(replicas.lastStart(of: "chat") == .milliseconds(38_500))
    #expect(replicas.lastStart(of: "other") == nil)
  }

  @Test func `the gateway is told of new replicas, of all if the traffic changed, and of those that left`() {
    func share(_ entity: String, _ weight: Int, version: Int = 1) -> Routing.Share {
      Routing.Share(entity: entity, weight: weight, model: "hello", version: version)
    }
    let (one, two) = (Routing.Target(replica: "r1", entity: "a"), Routing.Target(replica: "r2", entity: "a"))
    let before = Routing(shares: [share("a", 100)], targets: [one])
    let more = Routing(shares: [share("a", 100)], targets: [one, two])
    #expect(more.announced(since: before) == [two])
    #expect(more.withdrawn(since: before).isEmpty)
    #expect(before.withdrawn(since: more) == [two])
    let moved = Routing(shares: [share("a", 100, version: 2)], targets: [one, two])
    #expect(moved.announced(since: more) == [one, two])
    #expect(moved.version(of: "a") == 2)
    #expect(moved.version(of: "b") == nil)
    let renamed = Routing(shares: more.shares, targets: [Routing.Target(replica: "r1", entity: "b")])
    #expect(renamed.announced(since: before) == renamed.targets)
    #expect(renamed.withdrawn(since: before).isEmpty, "its replica still answers")
  }
}
