import Scheduling
import Testing

/// A queue with one entity "v1" that has all the traffic.
private func makeQueue(_ policy: AdmissionPolicy = AdmissionPolicy(), ready: [(String, Int)] = []) -> AdmissionQueue {
  var queue = AdmissionQueue(policy: policy, now: .zero)
  _ = queue.setTraffic([("v1", 100)], now: .zero)
  for (id, capacity) in ready { _ = queue.replicaReady(id, entity: "v1", capacity: capacity, now: .zero) }
  return queue
}

@Suite struct AdmissionQueueTests {
  @Test func `the least loaded replica gets the request, and equally loaded ones take turns`() {
    var queue = makeQueue(ready: [("a", 4), ("b", 4)])
    var targets: [String] = []
    for id in 1...4 {
      for case .dispatch(_, let replica) in queue.arrive(UInt64(id), draw: 0, now: .zero) { targets.append(replica) }
    }
    #expect(targets == ["a", "b", "a", "b"])
    _ = queue.finished(2, now: .zero)
    #expect(queue.arrive(5, draw: 0, now: .zero) == [.dispatch(5, "b")])
  }

  @Test func `beyond the capacity, requests wait and proceed in order of arrival`() {
    var queue = makeQueue(ready: [("a", 1)])
    #expect(queue.arrive(1, draw: 0, now: .zero) == [.dispatch(1, "a")])
    #expect(queue.arrive(2, draw: 0, now: .zero) == [])
    #expect(queue.arrive(3, draw: 0, now: .zero) == [])
    #expect(queue.finished(1, now: .zero) == [.dispatch(2, "a")])
    #expect(queue.finished(2, now: .zero) == [.dispatch(3, "a")])
  }

  @Test func `a place is released once, however often the end is reported`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    _ = queue.arrive(3, draw: 0, now: .zero)
    #expect(queue.finished(1, now: .zero) == [.dispatch(2, "a")])
    #expect(queue.finished(1, now: .zero) == [])
    #expect(queue.left(1, now: .zero) == [])
    #expect(queue.load(of: "a") == 1)
  }

  @Test func `a full queue refuses, and a client that left frees its place`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 1), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.arrive(3, draw: 0, now: .zero) == [.refuse(3, .queueFull(.length, waiting: 1, retryAfter: nil))])
    #expect(queue.left(2, now: .zero) == [])
    #expect(queue.arrive(4, draw: 0, now: .zero) == [])
    #expect(queue.finished(1, now: .zero) == [.dispatch(4, "a")])
  }

  @Test func `a queue of length zero still admits a request that finds a free place`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 0), ready: [("a", 1)])
    #expect(queue.arrive(1, draw: 0, now: .zero) == [.dispatch(1, "a")])
    #expect(queue.arrive(2, draw: 0, now: .zero) == [.refuse(2, .queueFull(.length, waiting: 0, retryAfter: nil))])
  }

  @Test func `the load of an entity is what waits, was just refused, or is at a replica that takes requests`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 1), ready: [("a", 1), ("b", 1)])
    for id in 1...3 { _ = queue.arrive(UInt64(id), principal: "p\(id)", draw: 0, now: .zero) }
    #expect(queue.requests(now: .zero) == ["v1": 3])
    #expect(queue.arrive(4, draw: 0, now: .zero) == [.refuse(4, .queueFull(.length, waiting: 1, retryAfter: nil))])
    #expect(queue.requests(now: .zero) == ["v1": 4])
    #expect(queue.requests(now: .seconds(1)) == ["v1": 3])
    _ = queue.replicaDraining("a", now: .seconds(2))
    #expect(queue.requests(now: .seconds(2)) == ["v1": 2])
    _ = queue.finished(2, now: .seconds(2))
    #expect(queue.requests(now: .seconds(2)) == ["v1": 1])
  }

  @Test func `a request that waits too long is refused at the deadline and not before`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(10)), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .seconds(1))
    #expect(queue.nextTick == .seconds(11))
    #expect(queue.tick(now: .seconds(10)) == [])
    let refusal = AdmissionRefusal.timedOut(after: .seconds(10), waiting: 0, isServing: true, retryAfter: nil)
    #expect(queue.tick(now: .seconds(11)) == [.refuse(2, refusal)])
    #expect(queue.nextTick == nil)
  }

  @Test func `without a replica, a request asks for one and waits for it`() {
    var queue = makeQueue()
    #expect(queue.arrive(1, draw: 0, now: .zero) == [.wake])
    #expect(queue.needsReplica)
    #expect(queue.replicaReady("a", entity: "v1", capacity: 2, now: .zero) == [.dispatch(1, "a")])
    #expect(!queue.needsReplica)
  }

  @Test func `a request that may not wait asks for a replica too, for those that come after it`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 0))
    #expect(
      queue.arrive(1, draw: 0, now: .zero) == [
        .refuse(1, .queueFull(.length, waiting: 0, retryAfter: nil)), .wake,
      ])
    #expect(queue.awaited(now: .zero) == ["v1"] && !queue.needsReplica)
    _ = queue.replicaReady("a", entity: "v1", capacity: 1, now: .zero)
    #expect(queue.awaited(now: .zero) == [])
    var failing = makeQueue(AdmissionPolicy(maxWaiting: 0))
    _ = failing.arrive(1, draw: 0, now: .zero)
    _ = failing.setUnavailable(reason: "it does not start", now: .zero)
    #expect(failing.awaited(now: .zero) == [], "it is not started again before somebody asks")
  }

  @Test func `a request that may not wait asks for a replica only for as long as others could wait`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 0, maxWait: .seconds(10)))
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .seconds(5))
    #expect(queue.awaited(now: .milliseconds(14_999)) == ["v1"])
    #expect(queue.awaited(now: .seconds(15)) == [])
  }

  @Test func `a request knows whether it had to wait for a replica`() {
    var queue = makeQueue()
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(queue.awaited(now: .zero) == ["v1"])
    _ = queue.replicaReady("a", entity: "v1", capacity: 1, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.hasMetNoReplica(1))
    #expect(queue.finished(1, now: .zero) == [.dispatch(2, "a")])
    #expect(!queue.hasMetNoReplica(2))
  }

  @Test func `when the last replica ends, another one is requested if requests wait`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.replicaGone("a", now: .zero) == [.drained("a"), .wake])
  }

  @Test func `a drain that leaves no replica for waiting requests asks for another one`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.replicaDraining("a", now: .zero) == [.wake])
  }

  @Test func `requests for an unavailable entity are refused with its reason, those in the queue included`() {
    var queue = makeQueue()
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(
      queue.setUnavailable(reason: "failed", now: .zero) == [.refuse(1, .unavailable(reason: "failed"))])
    #expect(queue.arrive(2, draw: 0, now: .zero) == [.refuse(2, .unavailable(reason: "failed"))])
    _ = queue.replicaReady("a", entity: "v1", capacity: 1, now: .zero)
    #expect(queue.arrive(3, draw: 0, now: .zero) == [.dispatch(3, "a")])
  }

  @Test func `a draining replica finishes its requests and gets no new ones`() {
    var queue = makeQueue(ready: [("a", 2)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(queue.replicaDraining("a", now: .zero) == [])
    #expect(queue.arrive(2, draw: 0, now: .zero) == [.wake])
    #expect(queue.finished(1, now: .zero) == [.drained("a")])
    #expect(queue.replicaDraining("nobody", now: .zero) == [.drained("nobody")])
  }

  @Test func `the split follows the weights`() {
    var queue = AdmissionQueue(policy: AdmissionPolicy(), now: .zero)
    _ = queue.setTraffic([("v1", 90), ("v2", 10), ("v3", 0)], now: .zero)
    for entity in ["v1", "v2", "v3"] { _ = queue.replicaReady(entity, entity: entity, capacity: 1000, now: .zero) }
    for id in 0..<1000 { _ = queue.arrive(UInt64(id), draw: Double(id) / 1000, now: .zero) }
    #expect(["v1", "v2", "v3"].map { queue.load(of: $0) } == [900, 100, 0])
  }

  @Test func `an entity without a replica passes its share to the others`() {
    var queue = AdmissionQueue(policy: AdmissionPolicy(), now: .zero)
    _ = queue.setTraffic([("v1", 50), ("v2", 50)], now: .zero)
    _ = queue.replicaReady("b", entity: "v2", capacity: 10, now: .zero)
    #expect(queue.arrive(1, draw: 0.1, now: .zero) == [.dispatch(1, "b")])
  }

  @Test func `a waiting request is rerouted when the traffic moves`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.replicaReady("b", entity: "v2", capacity: 1, now: .zero)
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.setTraffic([("v2", 100)], now: .zero) == [.dispatch(2, "b")])
  }

  @Test func `a pinned request goes to its entity whatever the weight, or is told that it does not exist`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.setTraffic([("v1", 100), ("next", 0)], now: .zero)
    #expect(queue.arrive(1, pinnedTo: "next", draw: 0, now: .zero) == [.wake])
    #expect(queue.arrive(2, pinnedTo: "other", draw: 0, now: .zero) == [.refuse(2, .unknownEntity("other"))])
    #expect(queue.replicaReady("n", entity: "next", capacity: 1, now: .zero) == [.dispatch(1, "n")])
    _ = queue.arrive(3, pinnedTo: "next", draw: 0, now: .zero)
    // Its entity is removed from the config while it waits.
    _ = queue.replicaDraining("n", now: .zero)
    #expect(queue.setTraffic([("v1", 100)], now: .zero) == [.refuse(3, .unknownEntity("next"))])
  }

  @Test func `a bounced request keeps its turn and goes to another replica first`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(9)), ready: [("a", 1), ("b", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    _ = queue.arrive(3, draw: 0, now: .zero)
    #expect(queue.bounced(1, pause: .seconds(1), now: .zero) == [])
    #expect(queue.finished(2, now: .zero) == [.dispatch(1, "b")])
    #expect(queue.nextTick == .seconds(1))
    #expect(queue.tick(now: .seconds(1)) == [.dispatch(3, "a")])
  }

  @Test func `a request that bounces too often is given up`() {
    var queue = makeQueue(AdmissionPolicy(maxAttempts: 2), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(queue.bounced(1, pause: .milliseconds(5), now: .zero) == [])
    #expect(queue.tick(now: .milliseconds(5)) == [.dispatch(1, "a")])
    #expect(
      queue.bounced(1, pause: .milliseconds(5), now: .milliseconds(6)) == [
        .refuse(1, .replicasFailed(attempts: 2))
      ])
    #expect(queue.dispatched == 0)
  }

  @Test func `a replica that returns under its name keeps its earlier requests`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.replicaGone("a", now: .zero)
    _ = queue.replicaReady("a", entity: "v1", capacity: 1, now: .zero)
    #expect(queue.load(of: "a") == 1)
    #expect(queue.arrive(2, draw: 0, now: .zero) == [])
    #expect(queue.finished(1, now: .zero) == [.dispatch(2, "a")])
  }

  @Test func `the idle time begins when the last request has ended`() {
    var queue = makeQueue(ready: [("a", 1)])
    #expect(queue.idleSince == .zero)
    _ = queue.arrive(1, draw: 0, now: .seconds(1))
    #expect(queue.idleSince == nil)
    _ = queue.arrive(2, draw: 0, now: .seconds(2))
    _ = queue.left(2, now: .seconds(3))
    #expect(queue.idleSince == nil)
    _ = queue.finished(1, now: .seconds(4))
    #expect(queue.idleSince == .seconds(4))
    _ = queue.replicaReady("b", entity: "v1", capacity: 1, now: .seconds(5))
    #expect(queue.idleSince == .seconds(4))
  }
}
