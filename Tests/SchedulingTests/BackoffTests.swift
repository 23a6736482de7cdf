import Scheduling
import Testing

@Suite struct BackoffTests {
  let backoff = Backoff(first: .seconds(5), cap: .seconds(300), factor: 2, jitter: 0.2)

  @Test(arguments: [
    (0, 0.5, Duration.zero), (1, 0.5, .seconds(5)), (2, 0.5, .seconds(10)), (6, 0.5, .seconds(160)),
    (7, 0.5, .seconds(300)), (1_000_000, 0.5, .seconds(300)), (1, 0, .seconds(4)), (1, 1, .seconds(6)),
    (7, 1, .seconds(300)),
  ])
  func `delays grow to the cap and never beyond it`(failures: Int, chance: Double, expected: Duration) {
    let wait = backoff.delay(afterFailures: failures, chance: chance)
    #expect(wait >= expected - .milliseconds(1) && wait <= expected + .milliseconds(1))
  }

  @Test func `a failure after a stable period starts a new series`() {
    let first = CrashRecord(after: nil, cause: "x", isPermanent: false, readyFor: nil, chance: 0.5, now: .seconds(1))
    let second = CrashRecord(
      after: first, cause: "x", isPermanent: false, readyFor: .seconds(3), chance: 0.5, now: .seconds(9))
    let late = CrashRecord(
      after: second, cause: "x", isPermanent: false, readyFor: .seconds(601), chance: 0.5, now: .seconds(700))
    #expect([first, second, late].map(\.count) == [1, 2, 1])
    #expect(second.retryAt(backoff) == .seconds(19))
  }
}
