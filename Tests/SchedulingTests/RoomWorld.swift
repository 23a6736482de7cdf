import Scheduling

/// What can happen in a ``RoomWorld``. The number is the endpoint's.
enum RoomEvent: Hashable {
  case ask(Int)
  /// The request at a replica ends.
  case end(Int)
  /// Whoever sent a request that waits hangs up.
  case hangUp(Int)
  case ready(Int, String)
  case fail(Int, String)
  case crash(Int, String)
  case gone(Int, String)
  /// The load rises to the most replicas, or falls to the least number.
  case load(Int)
  case update
  case minute
}

/// Two endpoints on a machine with a few slots, and what was wrong with them.
struct RoomWorld {
  /// What tells two worlds apart. Times count only in relation to each other.
  struct Key: Hashable {
    struct EndpointKey: Hashable {
      let versions: [Int?]
      let flags: [Bool]
      let replicas: [String]
      let request: String
      let owned: Int
      let needed: Int
    }

    let endpoints: [EndpointKey]
    let orders: [Bool]
    let left: [Int]
  }

  private static let swapEvery = Duration.seconds(30)
  private static let planner = ReplicaPlanner(
    backoff: Backoff(first: .seconds(5), cap: .seconds(60), jitter: 0), startAttempts: 1)

  let slots: Int
  /// Whether the second version of the first endpoint starts.
  let isNewSound: Bool
  private var endpoints: [Endpoint]
  private var now = Duration.zero
  private var crashesLeft: Int
  private var updatesLeft = 1
  private var nextID = 0
  private(set) var wrong: [String] = []

  /// - Parameter leasts: the least number of replicas of each; the same as `counts` for fixed numbers.
  init(slots: Int, scales: [Bool], counts: [Int], leasts: [Int], isNewSound: Bool, crashes: Int) {
    self.slots = slots
    self.isNewSound = isNewSound
    crashesLeft = crashes
    endpoints = ["a", "b"].enumerated().map { index, name in
      Endpoint(name: name, scales: scales[index], count: counts[index], least: leasts[index])
    }
    settle()
  }

  /// Whether nobody waits, and no config is being deployed.
  var isSettled: Bool { endpoints.allSatisfy { $0.request != .waiting && $0.target == nil } }

  /// Whether the first endpoint serves its second version.
  var servesNew: Bool { endpoints.first?.serving == 2 }

  var key: Key {
    let keys = endpoints.map { endpoint in
      var request = "none"
      if case .at(let id)? = endpoint.request {
        request = endpoint.replicas.first { $0.id == id }.map { "\($0.launch) \($0.state)" } ?? "gone"
      } else if endpoint.request == .waiting {
        request = "waiting"
      }
      let mayStop = endpoint.scales && endpoint.isAwake
      let isUnasked = endpoint.request == nil && endpoint.wokenAt.map { endpoint.idleSince <= $0 } == true
      let isTurnOver = endpoint.servingSince.map { now - $0 >= Self.swapEvery } ?? false
      return Key.EndpointKey(
        versions: [endpoint.serving, endpoint.target],
        flags: [
          endpoint.isAsleep, endpoint.isWaking, mayStop && isTurnOver, endpoint.use.waitingSince != nil,
          endpoint.isBackingOff(Self.planner.backoff, now: now),
          mayStop && endpoint.request == nil && now - endpoint.idleSince >= .seconds(60),
          mayStop && isUnasked,
        ], replicas: endpoint.replicas.map { "\($0.launch) \($0.state)" }.sorted(), request: request,
        owned: endpoint.use.owned, needed: endpoint.needed)
    }
    return Key(endpoints: keys, orders: orders, left: [crashesLeft, updatesLeft])
  }

  /// Which endpoint came first, where that has an effect.
  private var orders: [Bool] {
    let (one, other) = (endpoints[0], endpoints[1])
    let mayStop = endpoints.allSatisfy { $0.scales && $0.isAwake }
    let areIdle = endpoints.allSatisfy { $0.request == nil }
    var orders = [false, mayStop && areIdle && one.idleSince <= other.idleSince, false]
    if let first = one.use.waitingSince, let second = other.use.waitingSince { orders[0] = first <= second }
    if mayStop, let first = one.servingSince, let second = other.servingSince { orders[2] = first <= second }
    return orders
  }

  /// Whether an event happens by itself at some time: without a fault, without a client who gives up, and although a
  /// replica that takes requests always has one.
  func isProgress(_ event: RoomEvent) -> Bool {
    switch event {
    case .end(let index): endpoints[index].request != endpoints[index].ready.map { Endpoint.Request.at($0.id) }
    case .ready, .fail, .gone, .minute: true
    case .ask, .hangUp, .crash, .load, .update: false
    }
  }

  /// All that can happen next.
  var events: [RoomEvent] {
    var events: [RoomEvent] = [.minute]
    for (index, endpoint) in endpoints.enumerated() {
      if endpoint.least < endpoint.count { events.append(.load(index)) }
      switch endpoint.request {
      case .none: if endpoint.serving != nil { events.append(.ask(index)) }
      case .some(.waiting): events.append(.hangUp(index))
      case .some(.at): events.append(.end(index))
      }
      for replica in endpoint.replicas {
        switch replica.state {
        case .pending, .starting, .loading, .warming:
          let isSound = isNewSound || index > 0 || replica.launch != endpoint.launch(2)
          events.append(isSound ? .ready(index, replica.id) : .fail(index, replica.id))
          if isSound && crashesLeft > 0 { events.append(.crash(index, replica.id)) }
        case .ready: if crashesLeft > 0 { events.append(.crash(index, replica.id)) }
        case .draining, .stopping:
          if endpoint.request != .at(replica.id) { events.append(.gone(index, replica.id)) }
        case .stopped, .failed: break
        }
      }
    }
    if updatesLeft > 0, endpoints[0].serving == 1, endpoints[0].target == nil { events.append(.update) }
    return events
  }

  mutating func perform(_ event: RoomEvent) {
    wrong = []
    now += .milliseconds(1)
    switch event {
    case .ask(let index): endpoints[index].request = .waiting
    case .end(let index), .hangUp(let index): endRequest(of: index)
    case .ready(let index, let id): move(index, id, to: .ready)
    case .gone(let index, let id): move(index, id, to: .stopped)
    case .fail(let index, let id): fail(index, id)
    case .crash(let index, let id):
      crashesLeft -= 1
      fail(index, id)
    case .load(let index):
      let endpoint = endpoints[index]
      endpoints[index].needed = endpoint.needed == endpoint.least ? endpoint.count : endpoint.least
    case .update:
      updatesLeft -= 1
      endpoints[0].target = 2
    case .minute:
      now += .seconds(60)
      for index in endpoints.indices where isIdle(index) { endpoints[index].isAsleep = true }
    }
    settle()
    check()
  }

  /// Whether an endpoint is put to sleep because nobody asks for it.
  private func isIdle(_ index: Int) -> Bool {
    let endpoint = endpoints[index]
    return endpoint.scales && endpoint.serving != nil && endpoint.target == nil && endpoint.request == nil
      && !endpoint.isWaking && now - endpoint.idleSince >= .seconds(60)
      && now - (endpoint.servingSince ?? now) >= .seconds(60)
  }

  private mutating func endRequest(of index: Int) {
    endpoints[index].request = nil
    endpoints[index].idleSince = now
  }

  private mutating func move(_ index: Int, _ id: String, to state: ReplicaState) {
    guard let place = endpoints[index].replicas.firstIndex(where: { $0.id == id }) else { return }
    endpoints[index].replicas[place].state = state
  }

  private mutating func fail(_ index: Int, _ id: String) {
    if endpoints[index].request == .at(id) { endRequest(of: index) }
    guard let replica = endpoints[index].replicas.first(where: { $0.id == id }) else { return }
    endpoints[index].crashes[replica.launch] = CrashRecord(
      after: endpoints[index].crashes[replica.launch], cause: "bad", isPermanent: false, readyFor: nil, chance: 0,
      now: now)
    move(index, id, to: .failed(cause: "bad"))
  }

  // MARK: What the plane does

  /// Lets every endpoint act until nothing changes.
  private mutating func settle() {
    for _ in 0..<12 {
      var hasChanged = false
      for index in endpoints.indices where act(index) { hasChanged = true }
      if !hasChanged { return }
    }
    wrong.append("the endpoints never come to rest")
  }

  private var living: Int { endpoints.reduce(0) { $0 + $1.replicas.count { !$0.state.isOver } } }

  private mutating func act(_ index: Int) -> Bool {
    let plan = RoomPlanner(swapEvery: Self.swapEvery).plan(
      endpoints.map { $0.room(now: now) }, free: slots - living, now: now)
    let share = plan.share(of: endpoints[index].name)
    var hasChanged = updateSleep(index, share)
    endpoints[index].sheds = share.sheds
    defer { endpoints[index].sheds = 0 }
    var room = share.room
    for _ in 0..<4 {
      let endpoint = endpoints[index]
      let next = Self.planner.plan(
        serving: endpoint.servingSet, target: endpoint.targetSet, replicas: endpoint.replicas, room: room,
        freeing: share.freeing, reclaimable: share.reclaimable, unit: .slot, load: endpoint.load,
        crashes: endpoint.crashes, now: now)
      let isTurned = obey(next.steps, index, &room)
      hasChanged = hasChanged || !next.steps.isEmpty
      let current = endpoints[index]
      endpoints[index].use.note(
        next.withoutRoom, serving: current.servingSet, target: current.targetSet, replicas: current.replicas,
        now: now)
      hasChanged = hasChanged || endpoints[index].use != current.use
      guard isTurned else { break }
    }
    if endpoints[index].request == .waiting, let ready = endpoints[index].ready {
      endpoints[index].request = .at(ready.id)
    }
    return hasChanged
  }

  /// Returns whether the config has changed.
  private mutating func obey(_ steps: [ReplicaStep], _ index: Int, _ room: inout Int) -> Bool {
    var isTurned = false
    for step in steps {
      switch step {
      case .start(let launch):
        endpoints[index].replicas.append(Replica(id: "r\(nextID)", launch: launch, state: .starting))
        nextID += 1
        room -= 1
      case .drain(let id): end(index, id, .draining)
      case .stop(let id): end(index, id, .stopping)
      case .remove(let id): endpoints[index].replicas.removeAll { $0.id == id }
      case .switchTraffic:
        endpoints[index].serving = endpoints[index].target
        endpoints[index].target = nil
        endpoints[index].isAsleep = false
        endpoints[index].isWaking = false
        endpoints[index].servingSince = now
        endpoints[index].wokenAt = nil
        isTurned = true
      case .declareFailed(let version, _, let cause):
        let isBroken = cause == "bad" || (version == 2 && !isNewSound)
        if !isBroken, canFit(index) { wrong.append("a version that fits failed: \(cause)") }
        endpoints[index].target = nil
        isTurned = true
      }
    }
    return isTurned
  }

  /// Whether the endpoints that do not scale to zero leave an endpoint enough slots.
  private func canFit(_ index: Int) -> Bool {
    let kept = endpoints.indices.filter { $0 == index || !endpoints[$0].scales }
    return kept.reduce(0) { $0 + endpoints[$1].least } <= slots
  }

  private mutating func end(_ index: Int, _ id: String, _ state: ReplicaState) {
    let endpoint = endpoints[index]
    let isServing = endpoint.replicas.contains { $0.id == id && $0.launch == endpoint.serving.map(endpoint.launch) }
    let isLeast = endpoint.serving.map { endpoint.standing($0) <= endpoint.least } ?? false
    if isServing, isLeast, !endpoint.scales, endpoint.target == nil {
      wrong.append("\(endpoint.name) is stopped for another")
    }
    move(index, id, to: state)
  }

  private mutating func updateSleep(_ index: Int, _ share: RoomShare) -> Bool {
    let endpoint = endpoints[index]
    guard endpoint.scales, let serving = endpoint.serving else {
      if share.givesUp { wrong.append("\(endpoint.name) must give up its slot") }
      return false
    }
    let isBackingOff = endpoint.isBackingOff(Self.planner.backoff, now: now)
    if endpoint.isAsleep {
      guard endpoint.request == .waiting else { return false }
      // Whoever waits is told why the last start failed, or wakes it.
      if isBackingOff {
        if endpoint.target == nil { endRequest(of: index) }
        return false
      }
      endpoints[index].isAsleep = false
      endpoints[index].isWaking = true
      return true
    }
    if endpoint.isWaking {
      let isAbandoned =
        endpoint.request == nil && endpoint.target == nil && endpoint.use.waitingSince != nil
      if endpoint.ready != nil {
        endpoints[index].isWaking = false
        endpoints[index].servingSince = now
        endpoints[index].wokenAt = now
        return true
      }
      guard endpoint.standing(serving) == 0, isBackingOff || isAbandoned else { return false }
      endpoints[index].isWaking = false
      endpoints[index].isAsleep = true
      return true
    }
    guard share.givesUp else { return false }
    if endpoint.request != nil, now - (endpoint.servingSince ?? now) < Self.swapEvery {
      wrong.append("\(endpoint.name) gives its slot up too early")
    }
    if endpoint.target != nil { wrong.append("\(endpoint.name) gives its slot up during an update") }
    endpoints[index].isAsleep = true
    return true
  }

  // MARK: What must hold

  private mutating func check() {
    if living > slots { wrong.append("\(living) replicas run in \(slots) slots") }
    let rooms = endpoints.map { $0.room(now: now) }
    let free = slots - living - rooms.reduce(0) { $0 + $1.kept }
    if free > 0, let room = rooms.first(where: { $0.waitingSince != nil }) {
      wrong.append("\(room.id) waits beside a free slot")
    }
    for (endpoint, room) in zip(endpoints, rooms) {
      let held = endpoint.replicas.count { !$0.state.isOver }
      if endpoint.isAwake, room.kept + held == 0 { wrong.append("\(endpoint.name) has lost its slot") }
      for version in 1...2 where endpoint.standing(version) > endpoint.count {
        wrong.append("\(endpoint.name) was started too often")
      }
    }
  }
}
