import Scheduling
import Testing

/// Every order of requests, updates, failures and idle times of two endpoints on a machine with one or two slots.
@Suite struct RoomExploration {
  /// A world that was reached, and how.
  private struct Visit {
    let world: RoomWorld
    let parent: Int?
    let event: RoomEvent?
    /// The worlds from which this one is reached without a fault.
    var before: [Int] = []
  }

  /// In the last three, the load decides how many replicas the first endpoint has, or each of them.
  private static let worlds: [(slots: Int, scales: [Bool], counts: [Int], leasts: [Int], crashes: Int)] = [
    (1, [true, true], [1, 1], [1, 1], 1), (1, [true, false], [1, 1], [1, 1], 1),
    (2, [true, true], [1, 1], [1, 1], 0),
    (2, [false, true], [1, 1], [1, 1], 1), (2, [true, true], [2, 1], [2, 1], 0),
    (2, [true, true], [2, 1], [1, 1], 0), (2, [false, true], [2, 1], [1, 1], 1),
    (2, [false, false], [2, 2], [1, 1], 0),
  ]

  @Test(arguments: worlds, [true, false])
  func `room is never exceeded or left unused, and whoever waits for it can be answered`(
    bounds: (slots: Int, scales: [Bool], counts: [Int], leasts: [Int], crashes: Int), isNewSound: Bool
  ) {
    let first = RoomWorld(
      slots: bounds.slots, scales: bounds.scales, counts: bounds.counts, leasts: bounds.leasts,
      isNewSound: isNewSound, crashes: bounds.crashes)
    var visits = [Visit(world: first, parent: nil, event: nil)]
    var numbers = [first.key: 0]
    var next = 0
    while next < visits.count {
      let world = visits[next].world
      for event in world.events {
        var following = world
        following.perform(event)
        let key = following.key
        let number = numbers[key] ?? visits.count
        if number == visits.count {
          numbers[key] = number
          visits.append(Visit(world: following, parent: next, event: event))
        }
        if world.isProgress(event) { visits[number].before.append(next) }
        guard following.wrong.isEmpty else {
          Issue.record("\(following.wrong) after \(trace(to: next, in: visits) + [event])")
          return
        }
      }
      next += 1
    }
    // One that never stops may hold the only slot for good.
    if bounds.scales.count(where: { !$0 }) < bounds.slots { checkThatAllSettle(visits) }
    let isNewReached = visits.contains { $0.world.servesNew }
    #expect(isNewReached == isNewSound)
    print(
      "room: \(visits.count) states with \(bounds.slots) slots for \(bounds.leasts) to \(bounds.counts), "
        + "scaling \(bounds.scales), sound: \(isNewSound)")
  }

  /// Checks that from each world, events without a fault lead to one in which nobody waits.
  private func checkThatAllSettle(_ visits: [Visit]) {
    var isGood = visits.map(\.world.isSettled)
    var frontier = visits.indices.filter { isGood[$0] }
    while let number = frontier.popLast() {
      for before in visits[number].before where !isGood[before] {
        isGood[before] = true
        frontier.append(before)
      }
    }
    if let stuck = isGood.firstIndex(of: false) {
      Issue.record("somebody waits forever after \(trace(to: stuck, in: visits))")
    }
  }

  private func trace(to number: Int, in visits: [Visit]) -> [RoomEvent] {
    var events: [RoomEvent] = []
    var current: Int? = number
    while let visit = current.map({ visits[$0] }) {
      if let event = visit.event { events.append(event) }
      current = visit.parent
    }
    return events.reversed()
  }
}
