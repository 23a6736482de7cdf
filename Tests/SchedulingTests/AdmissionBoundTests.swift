import Scheduling
import Testing

/// A queue with one entity "v1" that has all the traffic.
private func makeQueue(_ policy: AdmissionPolicy = AdmissionPolicy(), ready: [(String, Int)] = []) -> AdmissionQueue {
  var queue = AdmissionQueue(policy: policy, now: .zero)
  _ = queue.setTraffic([("v1", 100)], now: .zero)
  for (id, capacity) in ready { _ = queue.replicaReady(id, entity: "v1", capacity: capacity, now: .zero) }
  return queue
}

extension [AdmissionQueue.Action] {
  /// The requests that are sent to replicas.
  fileprivate var dispatched: [UInt64] {
    var ids: [UInt64] = []
    for case .dispatch(let id, _) in self { ids.append(id) }
    return ids
  }

  fileprivate var refusal: AdmissionRefusal? {
    for case .refuse(_, let why) in self { return why }
    return nil
  }
}

@Suite struct AdmissionBoundTests {
  // MARK: Fairness

  @Test func `a thousand requests of one principal do not delay the first of another`() {
    var queue = makeQueue(ready: [("a", 1)])
    for id in 1...1000 { _ = queue.arrive(UInt64(id), principal: "bulk", draw: 0, now: .zero) }
    _ = queue.arrive(2000, principal: "other", draw: 0, now: .zero)
    #expect(queue.finished(1, now: .zero).dispatched == [2])
    #expect(queue.finished(2, now: .zero).dispatched == [2000])
  }

  @Test func `waiting principals take turns, and each one's requests proceed in order of arrival`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    for (id, principal) in [(2, "a"), (3, "a"), (4, "a"), (5, "b"), (6, "c"), (7, "b")] {
      _ = queue.arrive(UInt64(id), principal: principal, draw: 0, now: .zero)
    }
    var (order, last): ([UInt64], UInt64) = ([], 1)
    while let next = queue.finished(last, now: .zero).dispatched.first {
      order.append(next)
      last = next
    }
    #expect(order == [2, 5, 6, 3, 7, 4])
  }

  @Test func `in a full queue, the newest request of the principal with the most makes way for another principal`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 4), ready: [("a", 1)])
    for id in 1...5 as ClosedRange<UInt64> { _ = queue.arrive(id, principal: "bulk", draw: 0, now: .zero) }
    let full = AdmissionRefusal.queueFull(.length, waiting: 4, retryAfter: nil)
    #expect(queue.arrive(6, principal: "bulk", draw: 0, now: .zero) == [.refuse(6, full)])
    #expect(queue.arrive(7, principal: "other", draw: 0, now: .zero) == [.refuse(5, full)])
    #expect(queue.arrive(8, principal: "other", draw: 0, now: .zero) == [.refuse(4, full)])
    // Both have two: nobody's requests are more important.
    #expect(queue.arrive(9, principal: "other", draw: 0, now: .zero) == [.refuse(9, full)])
    #expect(queue.arrive(10, principal: "bulk", draw: 0, now: .zero) == [.refuse(10, full)])
    #expect(queue.arrive(11, principal: "third", draw: 0, now: .zero) == [.refuse(8, full)])
    #expect(queue.waiting == 4)
  }

  @Test func `a request makes way for another principal only if that one can wait then`() {
    var queue = makeQueue(AdmissionPolicy(queueBytes: 100), ready: [("a", 1)])
    for id in 1...3 as ClosedRange<UInt64> { _ = queue.arrive(id, principal: "bulk", draw: 0, bytes: 50, now: .zero) }
    #expect(queue.waitingBytes == 100)
    #expect(
      queue.arrive(4, principal: "other", draw: 0, bytes: 51, now: .zero)
        == [.refuse(4, .queueFull(.bytes, waiting: 2, retryAfter: nil))])
    #expect(
      queue.arrive(5, principal: "other", draw: 0, bytes: 50, isHoldable: false, now: .zero)
        == [.refuse(5, .queueFull(.totalBytes, waiting: 2, retryAfter: nil))])
    #expect(
      queue.arrive(6, principal: "other", draw: 0, bytes: 50, now: .zero)
        == [.refuse(3, .queueFull(.bytes, waiting: 2, retryAfter: nil))])
    #expect(queue.waitingBytes == 100)
  }

  @Test func `a request that a replica did not take makes way for nobody`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 2), ready: [("a", 2)])
    for id in 1...2 as ClosedRange<UInt64> { _ = queue.arrive(id, principal: "bulk", draw: 0, now: .zero) }
    for id in 1...2 as ClosedRange<UInt64> { #expect(queue.bounced(id, pause: .seconds(1), now: .zero) == []) }
    #expect(
      queue.arrive(3, principal: "other", draw: 0, now: .zero)
        == [.refuse(3, .queueFull(.length, waiting: 2, retryAfter: nil))])
  }

  @Test func `a request that some replicas cannot take does not hold up the others`() {
    var queue = makeQueue(ready: [("a", 1), ("b", 1)])
    #expect(queue.arrive(1, draw: 0, now: .zero).dispatched == [1])
    #expect(queue.arrive(2, draw: 0, now: .zero).dispatched == [2])
    _ = queue.arrive(3, draw: 0, now: .zero)
    #expect(queue.bounced(1, pause: nil, now: .zero) == [.dispatch(3, "a")])
    #expect(queue.finished(3, now: .zero) == [])
    #expect(queue.finished(2, now: .zero) == [.dispatch(1, "b")])
  }

  // MARK: Bounds

  @Test func `the size of the waiting bodies is bounded, and a request that leaves makes room at once`() {
    var queue = makeQueue(AdmissionPolicy(queueBytes: 100), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, bytes: 1000, now: .zero)
    _ = queue.arrive(2, draw: 0, bytes: 60, now: .zero)
    #expect(queue.waitingBytes == 60)
    #expect(
      queue.arrive(3, draw: 0, bytes: 41, now: .zero).refusal == .queueFull(.bytes, waiting: 1, retryAfter: nil))
    _ = queue.left(2, now: .zero)
    #expect(queue.waitingBytes == 0)
    #expect(queue.arrive(4, draw: 0, bytes: 100, now: .zero) == [])
    #expect(queue.finished(1, now: .zero).dispatched == [4])
    #expect(queue.waitingBytes == 0)
  }

  @Test func `a body beyond the bound of the queue is refused as such, also if no request waits`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 0, queueBytes: 100), ready: [("a", 1)])
    #expect(queue.arrive(1, draw: 0, bytes: 101, now: .zero).dispatched == [1])
    #expect(
      queue.arrive(2, draw: 0, bytes: 101, now: .zero).refusal
        == .queueFull(.body(limit: 100), waiting: 0, retryAfter: nil))
    #expect(
      queue.arrive(3, draw: 0, bytes: 100, now: .zero).refusal == .queueFull(.length, waiting: 0, retryAfter: nil))
  }

  @Test func `a body that may not be held is refused only if the request has to wait`() {
    var queue = makeQueue(ready: [("a", 1)])
    #expect(queue.arrive(1, draw: 0, bytes: 5, isHoldable: false, now: .zero).dispatched == [1])
    #expect(
      queue.arrive(2, draw: 0, bytes: 5, isHoldable: false, now: .zero).refusal
        == .queueFull(.totalBytes, waiting: 0, retryAfter: nil))
  }

  @Test func `a refusal estimates the time that the waiting requests need at the measured rate`() {
    var queue = makeQueue(AdmissionPolicy(maxWaiting: 9), ready: [("a", 1)])
    // Two requests are answered in a second.
    var next: UInt64 = 1
    for _ in 0..<10 {
      _ = queue.arrive(next, draw: 0, now: .zero)
      next += 1
    }
    for step in 1...20 {
      let now = Duration.milliseconds(500 * step)
      _ = queue.finished(UInt64(step), now: now)
      _ = queue.arrive(next, draw: 0, now: now)
      next += 1
    }
    guard case .queueFull(.length, 9, let time?) = queue.arrive(next, draw: 0, now: .seconds(10)).refusal else {
      Issue.record("not refused")
      return
    }
    #expect(time > .milliseconds(4900) && time < .milliseconds(5100), "\(time)")
  }

  // MARK: Time

  @Test func `a client can bound its own wait`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(10)), ready: [("a", 1)])
    #expect(queue.arrive(1, draw: 0, maxWait: .zero, now: .zero).dispatched == [1])
    #expect(
      queue.arrive(2, draw: 0, maxWait: .zero, now: .zero).refusal
        == .timedOut(after: .zero, waiting: 0, isServing: true, retryAfter: nil))
    _ = queue.arrive(3, draw: 0, maxWait: .seconds(60), now: .zero)
    _ = queue.arrive(4, draw: 0, maxWait: .seconds(2), now: .seconds(1))
    #expect(queue.nextTick == .seconds(3))
    #expect(
      queue.tick(now: .seconds(3)).refusal
        == .timedOut(after: .seconds(2), waiting: 1, isServing: true, retryAfter: nil))
    #expect(queue.nextTick == .seconds(10))
  }

  @Test func `a wait that ends tells whether a replica serves`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(10)))
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(
      queue.tick(now: .seconds(10)).refusal
        == .timedOut(after: .seconds(10), waiting: 0, isServing: false, retryAfter: nil))
  }

  @Test func `the wait counts from the arrival, also for a request that a replica did not take`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(10)), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    #expect(queue.bounced(1, pause: .seconds(1), now: .seconds(4)) == [])
    #expect(queue.tick(now: .seconds(5)).dispatched == [1])
    #expect(
      queue.bounced(1, pause: .seconds(1), now: .seconds(11)).refusal
        == .timedOut(after: .seconds(11), waiting: 0, isServing: false, retryAfter: nil))
  }

  @Test func `a changed policy applies to the requests that wait`() {
    var queue = makeQueue(AdmissionPolicy(maxWait: .seconds(100)), ready: [("a", 1)])
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    #expect(queue.setPolicy(AdmissionPolicy(maxWaiting: 1, maxWait: .seconds(5)), now: .seconds(1)) == [])
    #expect(queue.nextTick == .seconds(5))
    #expect(
      queue.arrive(3, draw: 0, now: .seconds(1)).refusal == .queueFull(.length, waiting: 1, retryAfter: nil))
    #expect(queue.setPolicy(AdmissionPolicy(maxWait: .seconds(2)), now: .seconds(3)).refusal != nil)
  }

  // MARK: Replicas

  @Test func `a request is unserved while no replica serves its own entity`() {
    var queue = makeQueue(ready: [("a", 1)])
    _ = queue.setTraffic([("v1", 100), ("v2", 0)], now: .zero)
    _ = queue.arrive(1, draw: 0, now: .zero)
    _ = queue.arrive(2, draw: 0, now: .zero)
    _ = queue.arrive(3, pinnedTo: "v2", draw: 0, now: .zero)
    #expect(!queue.isUnserved(1) && !queue.isUnserved(2) && queue.isUnserved(3) && !queue.isUnserved(4))
    #expect(queue.replicaReady("b", entity: "v2", capacity: 1, now: .zero) == [.dispatch(3, "b")])
    #expect(!queue.isUnserved(3))
  }

  @Test func `a replica in trouble rests, and is tried again afterwards`() {
    var queue = makeQueue(ready: [("a", 4), ("b", 4)])
    queue.trouble("a", pause: .seconds(1), now: .zero)
    #expect(queue.arrive(1, draw: 0, now: .zero) == [.dispatch(1, "b")])
    #expect(queue.arrive(2, draw: 0, now: .zero) == [.dispatch(2, "b")])
    #expect(queue.arrive(3, draw: 0, now: .seconds(1)) == [.dispatch(3, "a")])
  }

  @Test func `a replica that works again gets the waiting requests before its pause is over`() {
    var queue = makeQueue(ready: [("a", 1)])
    queue.trouble("a", pause: .seconds(1), now: .zero)
    #expect(queue.arrive(1, draw: 0, now: .zero) == [])
    #expect(queue.replicaRecovered("a", now: .milliseconds(10)) == [.dispatch(1, "a")])
    #expect(queue.replicaRecovered("a", now: .milliseconds(20)) == [])
    #expect(queue.replicaRecovered("unknown", now: .milliseconds(20)) == [])
  }

  @Test func `a replica that works again while it is drained gets no new requests`() {
    var queue = makeQueue(ready: [("a", 4)])
    queue.trouble("a", pause: .seconds(1), now: .zero)
    _ = queue.replicaDraining("a", now: .zero)
    #expect(queue.arrive(1, draw: 0, now: .zero) == [.wake])
    #expect(queue.replicaRecovered("a", now: .milliseconds(10)) == [])
  }

  @Test func `requests with the same key go to the same replica, until it is much busier than the others`() {
    var queue = makeQueue(ready: [("a", 100), ("b", 100), ("c", 100), ("d", 100)])
    func replica(_ id: UInt64, _ key: UInt64) -> String? {
      for case .dispatch(id, let replica) in queue.arrive(id, draw: 0, affinity: key, now: .zero) { return replica }
      return nil
    }
    var homes: [UInt64: String] = [:]
    for key in 1...40 as ClosedRange<UInt64> {
      homes[key] = replica(key, key)
      _ = queue.finished(key, now: .zero)
    }
    #expect(Set(homes.values) == ["a", "b", "c", "d"])
    for key in 1...40 as ClosedRange<UInt64> {
      let again = replica(100 + key, key)
      #expect(again == homes[key])
      _ = queue.finished(100 + key, now: .zero)
    }
    // A hundred at once with one key: no replica gets more than 1.25 times its share.
    for id in 1000..<1100 as Range<UInt64> { _ = replica(id, 1) }
    let loads = ["a", "b", "c", "d"].compactMap { queue.load(of: $0) }
    #expect(loads.reduce(0, +) == 100 && (loads.max() ?? 0) <= 32, "\(loads)")
  }

  @Test func `a replica that ends moves only its own keys`() {
    func homes(without gone: String?) -> [UInt64: String] {
      var queue = makeQueue(ready: [("a", 9), ("b", 9), ("c", 9)])
      if let gone { _ = queue.replicaGone(gone, now: .zero) }
      var homes: [UInt64: String] = [:]
      for key in 1...60 as ClosedRange<UInt64> {
        for case .dispatch(_, let replica) in queue.arrive(key, draw: 0, affinity: key, now: .zero) {
          homes[key] = replica
        }
        _ = queue.finished(key, now: .zero)
      }
      return homes
    }
    let before = homes(without: nil)
    let after = homes(without: "b")
    #expect(before.filter { $0.value != "b" }.allSatisfy { after[$0.key] == $0.value })
  }
}
