import Testing

@testable import ServingPlane

@Suite struct LatchTests {
  @Test func `everybody who waits continues when the event happens, and nobody waits after it`() async {
    let latch = Latch()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 { group.addTask { await latch.wait() } }
      group.addTask { await latch.wait(atMost: .seconds(600)) }
      latch.turnOn()
      await group.waitForAll()
    }
    await latch.wait()
    #expect(latch.isOn)
  }

  @Test func `a wait ends with its limit, and with its task`() async {
    let latch = Latch()
    await latch.wait(atMost: .milliseconds(1))
    let waiting = Task { await latch.wait() }
    waiting.cancel()
    await waiting.value
    #expect(!latch.isOn)
  }
}
