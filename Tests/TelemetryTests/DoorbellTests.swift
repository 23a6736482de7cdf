import Testing

@testable import Telemetry

@Suite struct DoorbellTests {
  @Test(.timeLimit(.minutes(1))) func `whoever waits continues when it rings`() async {
    let bell = Doorbell()
    let waiting = Task { await bell.wait() }
    bell.ring()
    await waiting.value
  }

  @Test(.timeLimit(.minutes(1))) func `a ring that nobody waited for ends the next wait`() async {
    let bell = Doorbell()
    bell.ring()
    bell.ring()
    await bell.wait()
  }

  @Test(.timeLimit(.minutes(1))) func `a wait ends with its task`() async {
    let bell = Doorbell()
    let waiting = Task { await bell.wait() }
    waiting.cancel()
    await waiting.value
  }
}
