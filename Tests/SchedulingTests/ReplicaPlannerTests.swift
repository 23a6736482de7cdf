import Scheduling
import Testing

private let v1 = ReplicaSet(version: 1, entities: [EntityReplicas(entity: "m-1", launch: "one", count: 1)])
private let v2 = ReplicaSet(version: 2, entities: [EntityReplicas(entity: "m-2", launch: "two", count: 2)])

private func replica(_ id: String, _ launch: String, _ state: ReplicaState) -> Replica {
  Replica(id: id, launch: launch, state: state)
}

private func crash(_ count: Int, permanent: Bool = false, now: Duration = .zero) -> CrashRecord {
  var record: CrashRecord?
  for _ in 0..<max(1, count) {
    record = CrashRecord(
      after: record, cause: "no such flag", isPermanent: permanent, readyFor: nil, chance: 0.5, now: now)
  }
  return record ?? CrashRecord(after: nil, cause: "", isPermanent: false, readyFor: nil, chance: 0, now: now)
}

@Suite struct ReplicaPlannerTests {
  let planner = ReplicaPlanner(backoff: Backoff(first: .seconds(10), cap: .seconds(60), jitter: 0), startAttempts: 2)

  private func steps(
    serving: ReplicaSet? = nil, target: ReplicaSet? = nil, _ replicas: [Replica], room: Int? = nil,
    crashes: [String: CrashRecord] = [:], now: Duration = .zero
  ) -> [ReplicaStep] {
    planner.plan(serving: serving, target: target, replicas: replicas, room: room, crashes: crashes, now: now).steps
  }

  @Test func `a first config starts its replicas and is served when all of them are ready`() {
    #expect(steps(target: v2, []) == [.start(launch: "two"), .start(launch: "two")])
    #expect(steps(target: v2, [replica("a", "two", .ready), replica("b", "two", .loading)]) == [])
    #expect(
      steps(target: v2, [replica("a", "two", .ready), replica("b", "two", .ready)]) == [.switchTraffic(version: 2)])
  }

  @Test func `a version switch keeps the old replicas until all new ones are ready, and then drains them`() {
    let old = replica("o", "one", .ready)
    #expect(steps(serving: v1, target: v2, [old]) == [.start(launch: "two"), .start(launch: "two")])
    let halfway = [old, replica("a", "two", .ready), replica("b", "two", .starting)]
    #expect(steps(serving: v1, target: v2, halfway) == [])
    let ready = [old, replica("a", "two", .ready), replica("b", "two", .ready)]
    #expect(steps(serving: v1, target: v2, ready) == [.switchTraffic(version: 2)])
    #expect(steps(serving: v2, ready) == [.drain(id: "o")])
  }

  @Test func `a change of traffic alone starts and stops no replica`() {
    let again = ReplicaSet(version: 2, entities: v1.entities)
    #expect(steps(serving: v1, target: again, [replica("o", "one", .ready)]) == [.switchTraffic(version: 2)])
  }

  @Test func `if there is no room, only as many old replicas are drained as needed`() {
    let three = ReplicaSet(version: 1, entities: [EntityReplicas(entity: "m-1", launch: "one", count: 3)])
    let old = ["o1", "o2", "o3"].map { replica($0, "one", .ready) }
    #expect(steps(serving: three, target: v2, old, room: 1) == [.start(launch: "two"), .drain(id: "o1")])
    // Nothing more is drained while the first one is draining, and it is not started again either.
    let leaving = [replica("o1", "one", .draining), old[1], old[2], replica("a", "two", .starting)]
    #expect(steps(serving: three, target: v2, leaving, room: 0) == [])
    #expect(
      steps(serving: three, target: v2, [old[1], old[2], replica("a", "two", .starting)], room: 1) == [
        .start(launch: "two")
      ])
  }

  @Test func `a target that can never fit fails, and the old replicas are kept`() {
    let plan = planner.plan(
      serving: v1, target: v2, replicas: [replica("o", "one", .ready)], room: 0, crashes: [:], now: .zero)
    guard case .declareFailed(2, "m-2", let cause) = plan.steps.first, plan.steps.count == 1 else {
      Issue.record("\(plan.steps)")
      return
    }
    #expect(
      cause
        == "not enough resources on this machine: 1 more GPU is needed, even with the replicas of the current config "
        + "stopped")
  }

  @Test func `a first config that can never fit fails without a word about a current one`() {
    let plan = planner.plan(serving: nil, target: v2, replicas: [], room: 1, crashes: [:], now: .zero)
    let cause = "not enough resources on this machine: 1 more GPU is needed"
    #expect(plan.steps == [.declareFailed(version: 2, entity: "m-2", cause: cause)])
  }

  @Test func `a new version that keeps failing is declared failed, and the old one stays`() {
    let old = replica("o", "one", .ready)
    let failed = replica("a", "two", .failed(cause: "no such flag"))
    // After the first failure, there is a delay.
    let once = planner.plan(
      serving: v1, target: v2, replicas: [old, failed], room: nil, crashes: ["two": crash(1)], now: .seconds(1))
    #expect(once.steps == [.remove(id: "a")])
    #expect(once.lookAgainAt == .seconds(10))
    #expect(
      steps(serving: v1, target: v2, [old], crashes: ["two": crash(1)], now: .seconds(10)) == [
        .start(launch: "two"), .start(launch: "two"),
      ])
    let verdict = ReplicaStep.declareFailed(version: 2, entity: "m-2", cause: "no such flag")
    #expect(steps(serving: v1, target: v2, [old], crashes: ["two": crash(2)]) == [verdict])
    #expect(steps(serving: v1, target: v2, [old], crashes: ["two": crash(1, permanent: true)]) == [verdict])
    // Then the remaining new replicas are stopped.
    #expect(steps(serving: v1, [old, replica("b", "two", .starting)]) == [.stop(id: "b")])
  }

  @Test func `a crash loop of the served version backs off and never fails an update`() {
    let record = ["one": crash(3)]
    #expect(steps(serving: v1, [], crashes: record, now: .seconds(39)) == [])
    #expect(steps(serving: v1, [], crashes: record, now: .seconds(40)) == [.start(launch: "one")])
    let traffic = ReplicaSet(version: 2, entities: v1.entities)
    #expect(steps(serving: v1, target: traffic, [], crashes: record, now: .seconds(40)) == [.start(launch: "one")])
  }

  @Test func `excess replicas are removed first from those that are not ready yet`() {
    let present = [replica("a", "one", .ready), replica("b", "one", .loading), replica("c", "one", .pending)]
    #expect(steps(serving: v1, present) == [.stop(id: "b"), .stop(id: "c")])
  }

  @Test func `a missing place is reported`() {
    let plan = planner.plan(serving: v2, target: nil, replicas: [], room: 1, crashes: [:], now: .zero)
    #expect(plan.steps == [.start(launch: "two")])
    #expect(plan.withoutRoom == ["two"])
  }

  @Test func `the first replica of each launch starts before a further one of any`() {
    let both = ReplicaSet(
      version: 1,
      entities: [
        EntityReplicas(entity: "m-1", launch: "one", count: 3), EntityReplicas(entity: "m-2", launch: "two", count: 1),
      ])
    #expect(steps(serving: both, [], room: 2) == [.start(launch: "one"), .start(launch: "two")])
    #expect(steps(serving: both, [replica("a", "one", .ready)], room: 1) == [.start(launch: "two")])
    let all = steps(serving: both, [])
    #expect(all.count { $0 == .start(launch: "one") } == 3 && all.count == 4)
  }

  @Test func `without a config, no replica is kept`() {
    let present = [replica("a", "one", .ready), replica("b", "one", .starting), replica("c", "one", .draining)]
    #expect(steps(serving: nil, present) == [.stop(id: "b"), .drain(id: "a")])
  }

  private func set(_ version: Int, _ launch: String, count: Int, places: Int) -> ReplicaSet {
    ReplicaSet(
      version: version, entities: [EntityReplicas(entity: "e", launch: launch, count: count, places: places)])
  }

  @Test func `a replica takes as many places as it has GPUs, and one on the CPU takes none`() {
    #expect(steps(target: set(1, "four", count: 1, places: 4), [], room: 4) == [.start(launch: "four")])
    #expect(steps(target: set(1, "cpu", count: 3, places: 0), [], room: 0).count == 3)
    let plan = planner.plan(
      serving: nil, target: set(1, "four", count: 1, places: 4), replicas: [], room: 3, crashes: [:], now: .zero)
    guard case .declareFailed(1, "e", let cause) = plan.steps.first else {
      Issue.record("\(plan.steps)")
      return
    }
    #expect(cause.contains("1 more GPU "))
  }

  @Test func `places that other replicas are releasing are waited for, and nothing is drained for them`() {
    let old = replica("o", "one", .ready)
    let plan = planner.plan(
      serving: v1, target: set(2, "four", count: 1, places: 4), replicas: [old], room: 0, freeing: 4, crashes: [:],
      now: .zero)
    #expect(plan.steps == [])
    #expect(plan.withoutRoom == ["four"])
  }

  @Test func `as many small replicas are drained as a large one needs places`() {
    let three = ReplicaSet(version: 1, entities: [EntityReplicas(entity: "m-1", launch: "one", count: 3)])
    let old = ["o1", "o2", "o3"].map { replica($0, "one", .ready) }
    #expect(
      steps(serving: three, target: set(2, "two", count: 1, places: 2), old, room: 0) == [
        .drain(id: "o1"), .drain(id: "o2"),
      ])
    // A draining replica still has its places.
    let leaving = [replica("o1", "one", .stopping), replica("o2", "one", .draining), old[2]]
    #expect(steps(serving: three, target: set(2, "two", count: 1, places: 2), leaving, room: 0) == [])
  }

  private func scaled(_ version: Int, _ launch: String, count: Int, least: Int) -> ReplicaSet {
    ReplicaSet(
      version: version, entities: [EntityReplicas(entity: "e", launch: launch, count: count, least: least)])
  }

  @Test func `an update starts the replicas that the load needs, and makes room only for the least number`() {
    let (old, new) = (scaled(1, "one", count: 2, least: 1), scaled(2, "two", count: 2, least: 1))
    let serving = ["o1", "o2"].map { replica($0, "one", .ready) }
    let start = ReplicaStep.start(launch: "two")
    #expect(steps(serving: old, target: new, serving) == [start, start])
    #expect(steps(serving: old, target: new, serving, room: 1) == [start])
    #expect(steps(serving: old, target: new, serving, room: 0) == [.drain(id: "o1")])
    let coming = serving + [replica("a", "two", .starting)]
    #expect(steps(serving: old, target: new, coming, room: 0) == [])
    let ready = serving + [replica("a", "two", .ready)]
    #expect(steps(serving: old, target: new, ready, room: 1) == [start])
    #expect(steps(serving: old, target: new, ready) == [start])
    #expect(steps(serving: old, target: new, ready, room: 0) == [.switchTraffic(version: 2)])
  }

  @Test func `the switch waits for a replica that the load needs and that is starting`() {
    let (old, new) = (scaled(1, "one", count: 2, least: 1), scaled(2, "two", count: 2, least: 1))
    let present = [
      replica("o1", "one", .ready), replica("a", "two", .ready), replica("b", "two", .loading),
    ]
    #expect(steps(serving: old, target: new, present, room: 0) == [])
    let three = present + [replica("c", "two", .ready)]
    #expect(steps(serving: old, target: new, three, room: 0) == [.switchTraffic(version: 2)])
  }

  @Test func `a missing place for a replica that only the load needs fails no update`() {
    let (old, new) = (scaled(1, "one", count: 1, least: 1), scaled(2, "two", count: 4, least: 1))
    let plan = planner.plan(
      serving: old, target: new, replicas: [replica("o", "one", .ready)], room: 0, crashes: [:], now: .zero)
    #expect(plan.steps == [.drain(id: "o")])
    #expect(plan.withoutRoom == ["two"])
  }

  @Test func `failures of replicas that only the load needs delay only those, and fail no update`() {
    let (old, new) = (scaled(1, "one", count: 2, least: 1), scaled(2, "two", count: 2, least: 1))
    let present = ["o1", "o2"].map { replica($0, "one", .ready) } + [replica("a", "two", .ready)]
    func plan(
      _ serving: ReplicaSet, _ target: ReplicaSet?, _ replicas: [Replica], _ crash: CrashRecord,
      now: Duration = .zero
    ) -> ReplicaPlan {
      planner.plan(
        serving: serving, target: target, replicas: replicas, room: nil, crashes: [:],
        surplusCrashes: ["one": crash, "two": crash], now: now)
    }
    let once = plan(old, new, present, crash(1))
    #expect(once.steps == [] && once.lookAgainAt == .seconds(10))
    #expect(plan(old, new, present, crash(2)).steps == [.switchTraffic(version: 2)])
    #expect(plan(old, new, present, crash(1, permanent: true)).steps == [.switchTraffic(version: 2)])
    let later = plan(old, new, present, crash(2), now: .seconds(20))
    #expect(later.steps == [.start(launch: "two")], "what failed before may start now")
    #expect(plan(old, nil, [], crash(2)).steps == [.start(launch: "one")])
    #expect(plan(old, nil, [replica("o1", "one", .ready)], crash(2)).lookAgainAt == .seconds(20))
  }

  @Test func `replicas that only the load needs start after the least number of every launch`() {
    let both = ReplicaSet(
      version: 1,
      entities: [
        EntityReplicas(entity: "m-1", launch: "one", count: 3, least: 1),
        EntityReplicas(entity: "m-2", launch: "two", count: 2),
      ])
    let plan = planner.plan(serving: both, target: nil, replicas: [], room: 3, crashes: [:], now: .zero)
    #expect(plan.steps == [.start(launch: "one"), .start(launch: "two"), .start(launch: "two")])
    #expect(plan.withoutRoom == ["one", "one"])
  }

  @Test func `of the replicas that serve, those with the fewest requests end first`() {
    let present = ["a", "b", "c"].map { replica($0, "one", .ready) }
    let plan = planner.plan(
      serving: v1, target: nil, replicas: present, room: nil, load: ["a": 3, "b": 1, "c": 2], crashes: [:],
      now: .zero)
    #expect(plan.steps == [.drain(id: "b"), .drain(id: "c")])
  }
}
