import Scheduling
import Testing

/// A class, so that expectations can call mutating methods.
private final class Limits {
  var limiter: RateLimiter

  init(_ limits: RateLimit...) { limiter = RateLimiter(limits) }

  func admit(_ name: String, _ groups: Set<String> = [], at time: Duration = .zero) -> RateLimitRefusal? {
    limiter.admit(principal: name, groups: groups, now: time)
  }

  /// The number of calls that are admitted at once, up to 100.
  func burst(_ name: String, _ groups: Set<String> = [], at time: Duration = .zero) -> Int {
    (0..<100).first { _ in admit(name, groups, at: time) != nil } ?? 100
  }

  func debit(_ tokens: Int64, _ name: String, _ groups: Set<String> = [], at time: Duration = .zero) {
    limiter.debit(tokens: tokens, principal: name, groups: groups, now: time)
  }
}

@Suite struct RateLimiterTests {
  @Test func `a burst up to the limit is admitted, and then calls at the limit's rate`() {
    let limits = Limits(RateLimit(.endpoint, calls: 6))
    #expect(limits.burst("a") == 6)
    let refusal = RateLimitRefusal(scope: .endpoint, unit: .calls, limit: 6, wait: .seconds(10))
    #expect(limits.admit("b") == refusal)
    #expect(limits.admit("b", at: .seconds(4))?.wait == .seconds(6))
    #expect(limits.admit("b", at: .seconds(10)) == nil)
    #expect(limits.admit("a", at: .seconds(10))?.wait == .seconds(10))
    #expect(limits.burst("a", at: .seconds(100)) == 6)
  }

  @Test func `without limits, everything is admitted and nothing is kept`() {
    let limits = Limits()
    #expect(limits.burst("a") == 100 && limits.limiter.bucketCount == 0)
    limits.debit(1000, "a")
    #expect(limits.limiter.bucketCount == 0)
  }

  @Test func `each principal has its own count under the limit for each`() {
    let limits = Limits(RateLimit(.eachPrincipal, calls: 2))
    #expect(limits.burst("a") == 2 && limits.burst("b") == 2)
    #expect(limits.admit("a")?.scope == .eachPrincipal)
  }

  @Test func `a principal with a limit of its own, or a group's, is not under the limit for each`() {
    let limits = Limits(
      RateLimit(.eachPrincipal, calls: 2), RateLimit(.principal("ci"), calls: 5), RateLimit(.group("team"), calls: 7))
    #expect(limits.burst("ci") == 5)
    #expect(limits.burst("ann", ["team"]) == 7)
    #expect(limits.burst("bob", ["other"]) == 2)
  }

  @Test func `the members of a group share its limit`() {
    let limits = Limits(RateLimit(.group("team"), calls: 4))
    for name in ["a", "b", "a", "b"] { #expect(limits.admit(name, ["team", "x"]) == nil) }
    #expect(limits.admit("c", ["team"])?.scope == .group("team"))
    #expect(limits.admit("c", ["x"]) == nil)
  }

  @Test func `a refused call is counted under none of its limits`() {
    let limits = Limits(RateLimit(.endpoint, calls: 5), RateLimit(.principal("a"), calls: 1))
    #expect(limits.burst("a") == 1)
    for _ in 0..<50 { #expect(limits.admit("a")?.scope == .principal("a")) }
    #expect(limits.burst("b") == 4)
  }

  @Test func `the refusal names the limit that takes longest`() {
    let limits = Limits(RateLimit(.endpoint, calls: 60), RateLimit(.eachPrincipal, calls: 60, tokens: 600))
    #expect(limits.burst("a") == 60)
    limits.debit(700, "a")
    #expect(
      limits.admit("a")
        == RateLimitRefusal(scope: .eachPrincipal, unit: .tokens, limit: 600, wait: .milliseconds(10100)))
  }

  @Test func `tokens are taken after the answer, and a debt delays later calls`() {
    let limits = Limits(RateLimit(.endpoint, tokens: 60))
    #expect(limits.burst("a") == 100)
    limits.debit(90, "a")
    #expect(limits.admit("a")?.wait == .seconds(31))
    #expect(limits.admit("a", at: .seconds(30))?.wait == .seconds(1))
    #expect(limits.admit("a", at: .seconds(31)) == nil)
  }

  @Test func `a limit of zero refuses every call`() {
    let limits = Limits(RateLimit(.principal("a"), calls: 0))
    #expect(limits.admit("a")?.wait == .seconds(60) && limits.admit("a", at: .seconds(600)) != nil)
    #expect(limits.admit("b") == nil)
  }

  @Test func `the largest limit and the largest debt are not too large`() {
    let limits = Limits(RateLimit(.endpoint, calls: .max, tokens: 1))
    #expect(limits.admit("a") == nil)
    for _ in 0..<3 { limits.debit(.max, "a") }
    #expect((limits.admit("a", at: .seconds(1000))?.wait ?? .zero) > .seconds(1_000_000))
  }

  @Test func `of several limits for the same scope, the strictest applies`() {
    let limits = Limits(RateLimit(.endpoint, calls: 5, tokens: 9), RateLimit(.endpoint, calls: 3))
    #expect(limits.burst("a") == 3)
    limits.debit(20, "b")
    #expect(limits.admit("b")?.unit == .tokens)
  }

  @Test func `changed limits keep what is counted under those that have not changed`() {
    let limits = Limits(RateLimit(.endpoint, calls: 5, tokens: 60), RateLimit(.eachPrincipal, calls: 3))
    #expect(limits.burst("a") == 3)
    limits.limiter.set([RateLimit(.endpoint, calls: 5), RateLimit(.eachPrincipal, calls: 4)])
    #expect(limits.burst("a") == 2, "the endpoint's limit still counts the first three")
    limits.limiter.set([])
    #expect(limits.limiter.bucketCount == 0 && limits.burst("a") == 100)
  }

  @Test func `full buckets are forgotten`() {
    let limits = Limits(RateLimit(.eachPrincipal, calls: 60, tokens: 60_000))
    for index in 0..<10_000 { #expect(limits.admit("p\(index)", at: .milliseconds(index)) == nil) }
    // A call is paid back within a second, so that about a thousand are not full.
    #expect(limits.limiter.bucketCount < 3000)
    limits.debit(60_000_000, "debtor", at: .seconds(20))
    for index in 0..<10_000 { #expect(limits.admit("q\(index)", at: .seconds(100 + index)) == nil) }
    #expect(limits.limiter.bucketCount <= 64)
    #expect(limits.admit("debtor", at: .seconds(10_100)) != nil, "a debt is not forgotten")
  }

  @Test(arguments: Array(UInt64(0)..<40))
  func `no window has more calls than the limit and its refill, and every wait is right`(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    let limit = Int64(1 + below(20))
    let limits = Limits(RateLimit(.endpoint, calls: limit), RateLimit(.principal("a"), calls: 5, tokens: 100))
    var now = Duration.zero
    var admitted: [Duration] = []
    for _ in 0..<400 {
      now += .milliseconds(below(8000))
      let name = ["a", "b", "c"][below(3)]
      if below(4) == 0 { limits.debit(Int64(below(60)), name, at: now) }
      if let refusal = limits.admit(name, at: now) {
        #expect(refusal.wait > .zero)
        #expect(limits.admit(name, at: now + refusal.wait - .nanoseconds(1)) != nil, "the wait is not too long")
        now += refusal.wait
        #expect(limits.admit(name, at: now) == nil, "the wait is not too short")
      }
      admitted.append(now)
    }
    var excess = -Double.infinity
    for (index, start) in admitted.enumerated() {
      for (count, end) in admitted[index...].enumerated() {
        let minutes = (end - start) / Duration.seconds(60)
        excess = max(excess, Double(count + 1) - Double(limit) * (1 + minutes))
      }
    }
    #expect(excess < 1e-6)
  }
}
