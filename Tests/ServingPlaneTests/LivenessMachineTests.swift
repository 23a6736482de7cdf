import Testing

@testable import ServingPlane

struct LivenessMachineTests {
  private func machine() -> LivenessMachine {
    LivenessMachine(patience: .seconds(60), tokenEvery: .seconds(30), now: .zero)
  }

  @Test func `an engine whose counters grow while it has requests is alive without a probe`() {
    var machine = machine()
    for second in 1...100 {
      let action = machine.observe(
        .metrics(running: 3, progress: Double(second)), now: .seconds(second * 10))
      #expect(action == .checkAgain)
    }
  }

  @Test func `an idle engine is probed for a token periodically`() {
    var machine = machine()
    #expect(machine.observe(.metrics(running: 0, progress: 5), now: .seconds(10)) == .askForToken)
    #expect(machine.observe(.token, now: .seconds(11)) == .checkAgain)
    // Not at every check: a token every ten seconds would keep a machine from idling.
    #expect(machine.observe(.metrics(running: 0, progress: 6), now: .seconds(20)) == .checkAgain)
    #expect(machine.observe(.metrics(running: 0, progress: 6), now: .seconds(41)) == .askForToken)
  }

  @Test func `a frozen engine is replaced after its grace period, and not before`() {
    var machine = machine()
    _ = machine.observe(.metrics(running: 1, progress: 5), now: .seconds(10))
    for second in stride(from: 20, to: 70, by: 10) {
      #expect(machine.observe(.metrics(running: 1, progress: 5), now: .seconds(second)) == .askForToken)
      #expect(machine.observe(.noToken, now: .seconds(second)) == .checkAgain)
    }
    _ = machine.observe(.metrics(running: 1, progress: 5), now: .seconds(70))
    guard case .replace(let failure) = machine.observe(.noToken, now: .seconds(70)) else {
      Issue.record("it was not replaced")
      return
    }
    #expect(failure.explanation.contains("stuck"))
  }

  @Test func `a queue that delays the probe's token is not a freeze`() {
    var machine = machine()
    for second in 1...50 {
      _ = machine.observe(.metrics(running: 256, progress: Double(second)), now: .seconds(second * 10))
      #expect(machine.observe(.noToken, now: .seconds(second * 10)) == .checkAgain)
    }
  }

  @Test func `a server that does not answer gets time, a dead engine does not`() {
    var machine = machine()
    #expect(machine.observe(.unreachable("refused"), now: .seconds(59)) == .checkAgain)
    guard case .replace = machine.observe(.unreachable("refused"), now: .seconds(60)) else {
      Issue.record("it was not replaced")
      return
    }
    var dead = self.machine()
    guard case .replace = dead.observe(.engineDead, now: .zero) else {
      Issue.record("it was not replaced")
      return
    }
  }

  @Test func `metrics are summed over engines`() {
    let metrics = EngineMetrics(
      """
      # HELP vllm:num_requests_running Number of requests
      vllm:num_requests_running{engine="0",model_name="m {x}"} 2.0
      vllm:num_requests_running{engine="1",model_name="m"} 1.0
      vllm:iteration_tokens_total_count{engine="0"} 10
      vllm:iteration_tokens_total_created{engine="0"} 1.7e9
      vllm:generation_tokens_total{engine="0"} 5.0
      """)
    #expect(metrics.running == 3)
    #expect(metrics.progress == 15)
  }
}
