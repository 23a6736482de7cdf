import Testing

@testable import ServingPlane

/// The reports of trouble, and how soon a replica is checked because of them.
@Suite struct TroubleSignalTests {
  @Test func `any number of reports is one until it is taken`() async {
    let signal = TroubleSignal()
    #expect(!signal.take())
    for _ in 0..<1000 { signal.raise() }
    let isRaised = await signal.next()
    #expect(isRaised && signal.isRaised)
    #expect(signal.take())
    #expect(!signal.take() && !signal.isRaised)
  }

  @Test func `a report ends a wait, and a canceled wait ends without one`() async {
    let signal = TroubleSignal()
    async let reported = signal.next()
    signal.raise()
    let answer = await reported
    #expect(answer && signal.take())
    let waiting = Task { await signal.next() }
    waiting.cancel()
    let ended = await waiting.value
    #expect(!ended)
  }

  @Test func `a report at the moment of the usual check is never lost, in ten thousand runs`() async {
    for _ in 0..<10_000 {
      let signal = TroubleSignal()
      async let sent: Void = signal.raise()
      await withTaskGroup(of: Void.self) { group in
        group.addTask { _ = await signal.next() }
        group.addTask {}
        _ = await group.next()
        group.cancelAll()
      }
      await sent
      #expect(signal.take())
    }
  }

  @Test func `a replica in trouble is checked soon and then ever later, until it works`() {
    var pace = ProbePace(usual: .seconds(10), shortest: .milliseconds(200))
    #expect(!pace.isTroubled && pace.pause == .seconds(10))
    pace.beginCheck(isReported: true)
    var pauses: [Duration] = []
    for _ in 0..<8 {
      let isOver = pace.endCheck(isWell: false)
      #expect(!isOver && pace.isTroubled)
      pauses.append(pace.pause)
      pace.beginCheck(isReported: false)
    }
    let expected = ([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] as [Int]).map { Duration.milliseconds($0) }
    #expect(pauses == expected)
    let isOver = pace.endCheck(isWell: true)
    #expect(isOver && !pace.isTroubled && pace.pause == .seconds(10))
  }

  @Test func `a check without trouble ends none, and a new report is answered as soon as the first`() {
    var pace = ProbePace(usual: .seconds(10), shortest: .milliseconds(200))
    pace.beginCheck(isReported: false)
    let isOver = pace.endCheck(isWell: true)
    #expect(!isOver)
    pace.beginCheck(isReported: true)
    pace.beginCheck(isReported: false)
    #expect(pace.pause == .milliseconds(400))
    pace.beginCheck(isReported: true)
    #expect(pace.pause == .milliseconds(200))
  }

  @Test func `the shortest interval is never longer than the usual one`() {
    let pace = ProbePace(usual: .milliseconds(20), shortest: .milliseconds(200))
    #expect(pace.shortest == .milliseconds(20))
  }

  @Test func `only a token shows that a replica in trouble works, and a failed check counts as usual`() {
    var machine = LivenessMachine(patience: .seconds(60), tokenEvery: .seconds(30), now: .zero)
    _ = machine.observe(.token, now: .seconds(1))
    // Without trouble, neither of these would ask for a token.
    #expect(machine.observe(.metrics(running: 0, progress: 5), isTroubled: true, now: .seconds(2)) == .askForToken)
    #expect(machine.observe(.metrics(running: 3, progress: 6), isTroubled: true, now: .seconds(3)) == .askForToken)
    _ = machine.observe(.noToken, now: .seconds(4))
    // The engine made progress at 3 s.
    if case .replace = machine.observe(.unreachable("refused"), isTroubled: true, now: .seconds(62)) {
      Issue.record("it was replaced too early")
    }
    guard case .replace = machine.observe(.unreachable("refused"), isTroubled: true, now: .seconds(63)) else {
      Issue.record("it was not replaced")
      return
    }
  }
}
