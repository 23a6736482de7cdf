import Testing

@testable import ServingPlane

struct StopSignalTests {
  @Test func `a stop stays in force until the replica is gone`() async {
    let signal = StopSignal()
    signal.send(.drain(.seconds(5)))
    for _ in 0..<3 {
      let request = await signal.next()
      #expect(request == .drain(.seconds(5)))
    }
  }

  @Test func `only a more urgent request counts as new`() async {
    let signal = StopSignal()
    signal.send(.drain(.seconds(600)))
    signal.send(.drain(.seconds(600)))
    signal.send(.drain(.seconds(900)))
    #expect(signal.request == .drain(.seconds(600)))
    async let more = signal.next(after: .drain(.seconds(600)))
    signal.send(.drain(.seconds(20)))
    let shorter = await more
    #expect(shorter == .drain(.seconds(20)))
    signal.send(.now)
    signal.send(.drain(.seconds(1)))
    let last = await signal.next(after: shorter)
    #expect(last == .now)
    #expect(!StopRequest.now.isMoreUrgent(than: .now))
  }

  @Test func `a stop request at the moment of readiness is never lost, in ten thousand runs`() async {
    for _ in 0..<10_000 {
      let signal = StopSignal()
      // As in a replica's life: a wait for the stop and one for readiness race, and the loser is canceled.
      async let sent: Void = signal.send(.now)
      let first = await withTaskGroup(of: StopRequest?.self) { group in
        group.addTask { await signal.next() }
        group.addTask { nil }
        defer { group.cancelAll() }
        return await group.next() ?? nil
      }
      await sent
      let seen: StopRequest? = if let first { first } else { await signal.next() }
      #expect(seen == .now)
    }
  }

  @Test func `a canceled wait ends`() async {
    let signal = StopSignal()
    let waiting = Task { await signal.next() }
    waiting.cancel()
    let answer = await waiting.value
    #expect(answer == nil)
  }
}
