import Scheduling
import Testing

private func load(_ requests: Int, standing: Int = 1, sheds: Int = 0) -> ScalePolicy.Situation {
  ScalePolicy.Situation(requests: requests, capacity: 4, standing: standing, sheds: sheds)
}

@Suite struct ScalePolicyTests {
  private let policy = ScalePolicy(scaleDownAfter: .seconds(300))

  private func update(
    _ scale: ReplicaScale?, _ situation: ScalePolicy.Situation, within bounds: ClosedRange<Int> = 1...4,
    at seconds: Int = 0
  ) -> ReplicaScale {
    policy.update(scale, within: bounds, in: situation, now: .seconds(seconds))
  }

  @Test(arguments: [(0, 1), (4, 1), (5, 2), (8, 2), (16, 4), (1000, 4)])
  func `more load raises the number at once, up to the most`(requests: Int, count: Int) {
    #expect(update(ReplicaScale(count: 1), load(requests)) == ReplicaScale(count: count))
  }

  @Test func `less load lowers the number after the time of less load, to the most that was needed in it`() {
    var scale = update(ReplicaScale(count: 4), load(1))
    #expect(scale == ReplicaScale(count: 4, lull: ReplicaScale.Lull(since: .zero, needed: 1)))
    scale = update(scale, load(9), at: 100)
    #expect(scale == ReplicaScale(count: 4, lull: ReplicaScale.Lull(since: .zero, needed: 3)))
    scale = update(scale, load(1), at: 299)
    #expect(scale.count == 4)
    scale = update(scale, load(1), at: 300)
    #expect(scale == ReplicaScale(count: 3, lull: ReplicaScale.Lull(since: .seconds(300), needed: 1)))
    scale = update(scale, load(1), at: 599)
    #expect(scale.count == 3)
    scale = update(scale, load(1), at: 600)
    #expect(scale == ReplicaScale(count: 1))
  }

  @Test func `load that needs all replicas again starts the time over`() {
    var scale = update(ReplicaScale(count: 2), load(1))
    scale = update(scale, load(8), at: 200)
    #expect(scale == ReplicaScale(count: 2))
    scale = update(scale, load(1), at: 300)
    #expect(scale.lull?.since == .seconds(300))
    #expect(update(scale, load(1), at: 599).count == 2)
  }

  @Test func `what is in flight keeps its replicas, however long it lasts`() {
    var scale = update(ReplicaScale(count: 3), load(5))
    for minute in 1...100 { scale = update(scale, load(5), at: 60 * minute) }
    #expect(scale == ReplicaScale(count: 2))
  }

  @Test(arguments: [0, 5, 1000])
  func `equal bounds are a fixed number`(requests: Int) {
    #expect(update(nil, load(requests, standing: 7), within: 2...2) == ReplicaScale(count: 2))
    #expect(update(ReplicaScale(count: 4), load(requests), within: 2...2) == ReplicaScale(count: 2))
  }

  @Test func `before the first decision, the existing replicas count as needed`() {
    #expect(update(nil, load(0, standing: 3)).count == 3)
    #expect(update(nil, load(0, standing: 9)).count == 4)
    #expect(update(nil, load(9, standing: 0)).count == 3)
    #expect(update(nil, load(0, standing: 0)).count == 1)
  }

  @Test func `new bounds apply at once`() {
    let scale = ReplicaScale(count: 4, lull: ReplicaScale.Lull(since: .zero, needed: 3))
    #expect(update(scale, load(0), within: 1...2, at: 1).count == 2)
    #expect(update(scale, load(0), within: 6...8, at: 1) == ReplicaScale(count: 6))
  }

  @Test func `replicas that must end for another endpoint end at once, but never those of the lower bound`() {
    #expect(update(ReplicaScale(count: 4), load(16, standing: 3, sheds: 1)) == ReplicaScale(count: 2))
    #expect(update(ReplicaScale(count: 4), load(16, standing: 3, sheds: 9)) == ReplicaScale(count: 1))
    #expect(update(ReplicaScale(count: 1), load(16, standing: 1)) == ReplicaScale(count: 4))
  }

  @Test func `a capacity of zero, which no engine has, is taken for one`() {
    let situation = ScalePolicy.Situation(requests: 3, capacity: 0, standing: 1)
    #expect(update(nil, situation) == ReplicaScale(count: 3))
  }
}
