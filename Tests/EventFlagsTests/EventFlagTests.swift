import EventFlags
import Testing

@Suite(.timeLimit(.minutes(1))) struct EventFlagTests {
  @Test func `everybody who waits continues when the event happens, and nobody waits after it`() async {
    let flag = EventFlag()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 { group.addTask { await flag.wait() } }
      group.addTask { await flag.wait(atMost: .seconds(600)) }
      flag.set()
      await group.waitForAll()
    }
    await flag.wait()
    #expect(flag.isSet)
  }

  @Test func `a wait ends with its limit, and with its task`() async {
    let flag = EventFlag()
    await flag.wait(atMost: .milliseconds(1))
    let waiting = Task { await flag.wait() }
    waiting.cancel()
    await waiting.value
    #expect(!flag.isSet)
  }

  @Test func `after it was cleared, the next event ends the next wait`() async {
    let flag = EventFlag()
    flag.set()
    flag.clear()
    #expect(!flag.isSet)
    await flag.wait(atMost: .milliseconds(1))
    let waiting = Task { await flag.wait() }
    flag.set()
    await waiting.value
  }
}
