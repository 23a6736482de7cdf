import Scheduling
import Testing

/// An endpoint that serves with one place and scales to zero.
private func serving(_ id: String, idleFor: Duration? = nil, since: Duration = .zero, places: Int = 1) -> EndpointRoom {
  var endpoint = EndpointRoom(id)
  endpoint.scales = true
  endpoint.yields = places
  endpoint.yieldsLater = places
  endpoint.idleFor = idleFor
  endpoint.servingSince = since
  return endpoint
}

/// An endpoint without replicas that waits for places.
private func waiting(
  _ id: String, since: Duration, places: Int = 1, isUrgent: Bool = true, isUpdating: Bool = false
) -> EndpointRoom {
  var endpoint = EndpointRoom(id)
  endpoint.lacking = places
  endpoint.waitingSince = since
  endpoint.isUrgent = isUrgent
  endpoint.isUpdating = isUpdating
  endpoint.scales = true
  return endpoint
}

@Suite struct RoomPlannerTests {
  private let planner = RoomPlanner(swapEvery: .seconds(30))

  private func givingUp(_ endpoints: [EndpointRoom], free: Int = 0, now: Duration = .seconds(10)) -> [String] {
    planner.plan(endpoints, free: free, now: now).givingUp.sorted()
  }

  @Test func `free places go to whoever has waited longest, and a further replica comes last`() {
    let plan = planner.plan(
      [
        waiting("a", since: .seconds(3)), waiting("b", since: .seconds(2)),
        waiting("more", since: .seconds(1), isUrgent: false),
      ], free: 2, now: .seconds(10))
    #expect(["b", "a", "more", "new"].map { plan.share(of: $0).room } == [2, 1, 0, 0])
    #expect(plan.givingUp.isEmpty)
  }

  @Test func `a place that is kept for an endpoint is no other one's`() {
    var crashed = EndpointRoom("crashed")
    crashed.kept = 1
    let plan = planner.plan([crashed, waiting("a", since: .zero)], free: 1, now: .seconds(10))
    #expect(plan.share(of: "crashed").room == 1 && plan.share(of: "a").room == 0)
  }

  @Test func `the endpoint that has been idle longest gives its places up, and no more than needed do`() {
    let others = [
      serving("short", idleFor: .seconds(1)), serving("long", idleFor: .seconds(9)), serving("busy"),
    ]
    #expect(givingUp(others + [waiting("a", since: .zero)]) == ["long"])
    #expect(givingUp(others + [waiting("a", since: .zero), waiting("b", since: .seconds(1))]) == ["long", "short"])
    let both = planner.plan(
      others + [waiting("a", since: .zero), waiting("b", since: .seconds(1))], free: 0, now: .seconds(10))
    #expect(["long", "short", "busy", "a"].map { both.share(of: $0).yieldsTo } == ["a", "b", nil, nil])
    #expect(givingUp(others) == [])
    #expect(givingUp(others + [waiting("a", since: .zero)], free: 1) == [])
    #expect(givingUp(others + [waiting("more", since: .zero, isUrgent: false)]) == [])
  }

  @Test func `nobody stops while enough places are being freed, or if what stops would not be enough`() {
    var leaving = EndpointRoom("leaving")
    leaving.freeing = 1
    let idle = serving("idle", idleFor: .seconds(9))
    #expect(givingUp([leaving, idle, waiting("a", since: .zero)]) == [])
    #expect(givingUp([idle, waiting("four", since: .zero, places: 4), serving("busy", places: 3)]) == [])
  }

  @Test func `an endpoint with requests gives its places up only after its turn`() {
    let endpoints = [serving("busy", since: .seconds(5)), waiting("a", since: .seconds(6))]
    #expect(givingUp(endpoints, now: .seconds(34)) == [])
    #expect(givingUp(endpoints, now: .seconds(35)) == ["busy"])
  }

  @Test func `an endpoint that does not scale to zero, or is being updated, gives nothing up`() {
    let kept = EndpointRoom("kept")
    var updating = serving("updating", idleFor: .seconds(9))
    updating.isUpdating = true
    #expect(givingUp([kept, updating, waiting("a", since: .zero)], now: .seconds(999)) == [])
  }

  @Test func `a place that the first in line still waits for is not given to the next, unless it never can be`() {
    let line = [waiting("four", since: .zero, places: 4), waiting("a", since: .seconds(1))]
    let later = planner.plan(line + [serving("busy", places: 3)], free: 1, now: .seconds(10))
    #expect(later.share(of: "a").room == 0)
    let never = planner.plan(line, free: 1, now: .seconds(10))
    #expect(never.share(of: "a").room == 1)
  }

  @Test func `of two updates that wait for each other's places, the earlier one may wait`() {
    func updating(_ id: String, since: Duration) -> EndpointRoom {
      var endpoint = waiting(id, since: since, isUpdating: true)
      endpoint.yieldsLater = 1
      return endpoint
    }
    let both = [updating("a", since: .zero), updating("b", since: .seconds(1))]
    let plan = planner.plan(both, free: 0, now: .seconds(9))
    #expect(plan.share(of: "a").reclaimable == 1)
    #expect(plan.share(of: "b").reclaimable == 0)
  }

  @Test func `an update waits for an earlier one that can end and then gives its places up`() {
    var leaving = EndpointRoom("leaving")
    leaving.freeing = 1
    var earlier = waiting("earlier", since: .zero, isUpdating: true)
    earlier.yieldsLater = 1
    let later = waiting("later", since: .seconds(1), places: 2, isUpdating: true)
    let plan = planner.plan([leaving, earlier, later], free: 0, now: .seconds(9))
    #expect(plan.share(of: "later").reclaimable == 2)
    #expect(plan.share(of: "new").reclaimable == 2)
    var partial = later
    partial.lacking = 1
    partial.yieldsLater = 1
    #expect(planner.plan([leaving, earlier, partial], free: 0, now: .seconds(9)).share(of: "later").reclaimable == 2)
    #expect(planner.plan([earlier, partial], free: 0, now: .seconds(9)).share(of: "later").reclaimable == 0)
  }

  @Test func `an update that the first in line waits for does not wait for the free places between them`() {
    let first = waiting("first", since: .zero, places: 2, isUpdating: true)
    var second = waiting("second", since: .seconds(1), isUpdating: true)
    second.yieldsLater = 1
    let plan = planner.plan([first, second], free: 1, now: .seconds(9))
    #expect(plan.share(of: "first").room == 1 && plan.share(of: "first").reclaimable == 1)
    #expect(plan.share(of: "second").room == 0 && plan.share(of: "second").reclaimable == 0)
  }

  @Test func `an update comes before a further replica, even before it is in line`() {
    let endpoints = [waiting("more", since: .zero, isUrgent: false), serving("idle", idleFor: .seconds(9))]
    let full = planner.plan(endpoints, free: 0, now: .seconds(10)).share(of: "new")
    #expect(full.room == 0 && full.freeing == 1 && full.reclaimable == 1)
    let oneFree = planner.plan(Array(endpoints.prefix(1)), free: 1, now: .seconds(10)).share(of: "new")
    #expect(oneFree.room == 0 && oneFree.freeing == 1 && oneFree.reclaimable == 1)
    let urgent = [waiting("a", since: .zero), serving("idle", idleFor: .seconds(9))]
    #expect(planner.plan(urgent, free: 0, now: .seconds(10)).share(of: "new").freeing == 0)
  }

  @Test func `an endpoint that was woken counts as idle once it has had a request, or after its turn`() {
    func woken(idleFor: Duration) -> EndpointRoom {
      var endpoint = serving("woken", idleFor: idleFor, since: .seconds(100))
      endpoint.wokenAt = .seconds(100)
      return endpoint
    }
    let first = waiting("a", since: .zero)
    #expect(givingUp([first, woken(idleFor: .seconds(60))], now: .seconds(110)) == [])
    #expect(givingUp([first, woken(idleFor: .seconds(5))], now: .seconds(110)) == ["woken"])
    #expect(givingUp([first, woken(idleFor: .seconds(80))], now: .seconds(130)) == ["woken"])
  }

  @Test func `outside an update, an endpoint waits for one replica at a time, first for a launch without any`() {
    let set = ReplicaSet(
      version: 1,
      entities: [
        EntityReplicas(entity: "a", launch: "one", count: 4), EntityReplicas(entity: "b", launch: "two", count: 1),
      ])
    let ready = Replica(id: "r", launch: "one", state: .ready)
    func room(_ withoutRoom: [String], isUpdating: Bool = false) -> EndpointRoom {
      var use = RoomUse()
      use.note(withoutRoom, serving: set, target: nil, replicas: [ready], now: .seconds(1))
      return use.endpoint(
        "e", replicas: [ready], scaling: RoomUse.Scaling(), isUpdating: isUpdating, idleFor: nil, servingSince: nil)
    }
    let both = room(["one", "one", "one", "two"])
    #expect(both.lacking == 1 && both.isUrgent && both.waitingSince == .seconds(1))
    let further = room(["one", "one", "one"])
    #expect(further.lacking == 1 && !further.isUrgent)
    #expect(room(["one", "one", "one", "two"], isUpdating: true).lacking == 4)
  }

  @Test func `an endpoint leaves its place to the replica that replaces the last one, until it needs none`() {
    func set(_ count: Int) -> ReplicaSet {
      ReplicaSet(version: 1, entities: [EntityReplicas(entity: "main", launch: "one", count: count)])
    }
    func kept(_ use: RoomUse, _ replicas: [Replica] = []) -> EndpointRoom {
      use.endpoint(
        "a", replicas: replicas, scaling: RoomUse.Scaling(), isUpdating: false, idleFor: nil, servingSince: nil)
    }
    var use = RoomUse()
    let ready = Replica(id: "r", launch: "one", state: .ready)
    use.note([], serving: set(1), target: nil, replicas: [ready], now: .zero)
    #expect(kept(use, [ready]).kept == 0 && kept(use).kept == 1)
    let leaving = Replica(id: "r", launch: "one", state: .draining)
    #expect(kept(use, [leaving]).kept == 0 && kept(use, [leaving]).freeing == 0)
    use.note([], serving: set(0), target: nil, replicas: [leaving], now: .zero)
    #expect(kept(use, [leaving]).freeing == 1 && kept(use).kept == 0)
  }

  private func loaded(_ id: String, surplus: Int) -> EndpointRoom {
    var endpoint = EndpointRoom(id)
    endpoint.surplus = surplus
    endpoint.yieldsLater = surplus
    return endpoint
  }

  @Test func `surplus replicas end for an endpoint's first one, as many as it needs`() {
    let plan = planner.plan(
      [loaded("small", surplus: 1), loaded("large", surplus: 3), waiting("a", since: .zero, places: 2)], free: 0,
      now: .seconds(10))
    #expect(plan.givingUp.isEmpty && plan.shedding == ["large": 2])
    #expect(plan.share(of: "large").sheds == 2 && plan.share(of: "small").sheds == 0)
    #expect(plan.share(of: "a").room == 0 && plan.share(of: "a").reclaimable == 4)
  }

  @Test func `surplus replicas do not end for a further replica, nor during an update`() {
    let further = planner.plan(
      [loaded("large", surplus: 3), waiting("more", since: .zero, isUrgent: false)], free: 0, now: .seconds(10))
    #expect(further.shedding.isEmpty && further.share(of: "large").sheds == 0)
    var updating = loaded("updating", surplus: 3)
    updating.isUpdating = true
    let plan = planner.plan([updating, waiting("a", since: .zero)], free: 0, now: .seconds(10))
    #expect(plan.shedding.isEmpty && plan.share(of: "a").reclaimable == 3)
  }

  @Test func `an idle endpoint sleeps before surplus replicas end, and one with requests only after that`() {
    let first = waiting("a", since: .zero)
    let idle = planner.plan(
      [serving("idle", idleFor: .seconds(9)), loaded("large", surplus: 3), first], free: 0, now: .seconds(999))
    #expect(idle.givingUp == ["idle"] && idle.shedding.isEmpty)
    let busy = planner.plan([serving("busy"), loaded("large", surplus: 3), first], free: 0, now: .seconds(999))
    #expect(busy.givingUp.isEmpty && busy.shedding == ["large": 1])
  }

  @Test func `an endpoint that sleeps for another one gives its surplus up with it`() {
    var both = serving("both", places: 3)
    both.surplus = 2
    both.surplusYielding = 2
    let plan = planner.plan([both, waiting("a", since: .zero, places: 3)], free: 0, now: .seconds(999))
    #expect(plan.givingUp == ["both"])
    let small = planner.plan([both, waiting("a", since: .zero, places: 2)], free: 0, now: .seconds(999))
    #expect(small.givingUp.isEmpty && small.shedding == ["both": 2])
  }

  @Test func `an endpoint gives up what sleeps and the surplus of what does not`() {
    for idleFor in [Duration.seconds(9), nil] {
      var mixed = serving("mixed", idleFor: idleFor, places: 2)
      mixed.surplus = 1
      mixed.yieldsLater = 3
      let plan = planner.plan([mixed, waiting("a", since: .zero, places: 3)], free: 0, now: .seconds(999))
      #expect(plan.givingUp == ["mixed"] && plan.shedding == ["mixed": 1])
    }
  }

  @Test func `the surplus of a launch that may sleep is counted apart`() {
    let set = ReplicaSet(
      version: 1,
      entities: [
        EntityReplicas(entity: "m-1", launch: "one", count: 3, least: 1),
        EntityReplicas(entity: "m-2", launch: "two", count: 2, least: 1),
      ])
    let replicas =
      ["a", "b", "c"].map { Replica(id: $0, launch: "one", state: .ready) }
      + ["d", "e"].map { Replica(id: $0, launch: "two", state: .ready) }
    var use = RoomUse()
    use.note([], serving: set, target: nil, replicas: replicas, now: .zero)
    let scaling = RoomUse.Scaling(launches: ["one"], yielding: ["one"], least: ["one": 1, "two": 1])
    let room = use.endpoint(
      "e", replicas: replicas, scaling: scaling, isUpdating: false, idleFor: nil, servingSince: nil)
    #expect(room.yields == 3 && room.yieldsLater == 4 && room.surplus == 3 && room.surplusYielding == 2)
  }

  @Test func `replicas beyond the least number are surplus, except during an update`() {
    let set = ReplicaSet(
      version: 1, entities: [EntityReplicas(entity: "main", launch: "one", count: 3, least: 1, places: 2)])
    let replicas = ["a", "b", "c"].map { Replica(id: $0, launch: "one", state: .ready, places: 2) }
    var use = RoomUse()
    use.note([], serving: set, target: nil, replicas: replicas, now: .zero)
    func room(isUpdating: Bool) -> EndpointRoom {
      use.endpoint(
        "e", replicas: replicas, scaling: RoomUse.Scaling(least: ["one": 1]), isUpdating: isUpdating, idleFor: nil,
        servingSince: nil)
    }
    #expect(room(isUpdating: false).surplus == 4 && room(isUpdating: false).yieldsLater == 4)
    #expect(room(isUpdating: true).surplus == 0 && room(isUpdating: true).yieldsLater == 4)
  }

  @Test func `the place of a replica that only the load needs is free for others once it has ended`() {
    let set = ReplicaSet(version: 1, entities: [EntityReplicas(entity: "main", launch: "one", count: 2, least: 1)])
    let both = ["a", "b"].map { Replica(id: $0, launch: "one", state: .ready) }
    func kept(_ use: RoomUse, _ replicas: [Replica], isUpdating: Bool = false) -> Int {
      let scaling = RoomUse.Scaling(least: ["one": 1])
      let room = use.endpoint(
        "e", replicas: replicas, scaling: scaling, isUpdating: isUpdating, idleFor: nil, servingSince: nil)
      return room.kept
    }
    var use = RoomUse()
    use.note([], serving: set, target: nil, replicas: both, now: .zero)
    #expect(kept(use, Array(both.prefix(1))) == 0)
    #expect(kept(use, []) == 1)
    use.note([], serving: set, target: set, replicas: Array(both.prefix(1)), now: .zero)
    #expect(kept(use, Array(both.prefix(1)), isUpdating: true) == 1, "an update keeps what it replaces")
  }
}
