import Scheduling
import Testing

/// Three tokens per five minutes. A class, so that expectations can call mutating methods.
private final class Bucket {
  var tokens = TokenBucket<String>(capacity: 3, per: .seconds(300))

  func take(_ key: String, urgent: Bool = false, at seconds: Int) -> Duration? {
    tokens.take(for: key, urgent: urgent, now: .seconds(seconds))
  }
}

@Suite struct TokenBucketTests {
  private let bucket = Bucket()

  private func take(_ key: String, urgent: Bool = false, at seconds: Int) -> Duration? {
    bucket.take(key, urgent: urgent, at: seconds)
  }

  @Test func `a burst up to the capacity is granted, and each token returns after its period`() {
    for second in 0..<3 { #expect(take("a", at: second) == nil) }
    #expect(take("b", at: 3) == .seconds(297))
    #expect(take("b", at: 300) == nil)
    #expect(take("c", at: 300) == .seconds(1))
  }

  @Test func `tokens that others have taken count until they return`() {
    bucket.tokens.setTakenByOthers([.seconds(20), .seconds(10)], now: .zero)
    #expect(take("a", at: 0) == nil)
    #expect(take("b", at: 0) == .seconds(10))
    #expect(bucket.tokens.taken(now: .seconds(5)) == [.seconds(295)])
    #expect(take("b", at: 10) == nil)
  }

  @Test func `if others have taken more than there are, enough of them are waited for`() {
    bucket.tokens.setTakenByOthers((1...5).map { .seconds($0 * 10) }, now: .zero)
    #expect(take("a", at: 0) == .seconds(30))
    #expect(take("a", at: 30) == nil)
  }

  @Test func `each caller in line is told when its own token is due, round by round`() {
    for second in [0, 10, 20] { #expect(take("first", at: second) == nil) }
    let waits = (0..<7).map { take("key \($0)", at: 100) }
    #expect(waits == [200, 210, 220, 500, 510, 520, 800].map { .seconds($0) })
    #expect(take("key 5", at: 100) == .seconds(520), "asking again keeps the position")
  }

  @Test func `a caller that asks at the time it was told gets its token`() {
    for second in [0, 10, 20] { #expect(take("first", at: second) == nil) }
    var asks = (0..<20).map { (key: "key \($0)", at: 100) }
    var asked = 0
    while let next = asks.min(by: { $0.at < $1.at }) {
      asks.removeAll { $0.key == next.key }
      asked += 1
      guard let wait = take(next.key, at: next.at) else { continue }
      asks.append((next.key, next.at + Int(wait.components.seconds)))
    }
    #expect(asked == 40, "each asks twice")
    #expect(bucket.tokens.waiting == 0)
  }

  @Test func `a held token returns one period after its release, however long it was held`() {
    var tokens = TokenBucket<String>(capacity: 2, per: .seconds(300))
    #expect(tokens.take(for: "slow", urgent: false, holding: true, now: .zero) == nil)
    #expect(tokens.take(for: "quick", urgent: false, holding: true, now: .zero) == nil)
    tokens.giveBack(now: .seconds(10))
    #expect(tokens.take(for: "next", urgent: false, now: .seconds(20)) == .seconds(290))
    #expect(tokens.take(for: "next", urgent: false, now: .seconds(310)) == nil)
    #expect(tokens.take(for: "after", urgent: false, now: .seconds(700)) == nil)
    #expect(tokens.take(for: "last", urgent: false, now: .seconds(701)) == .seconds(299), "one is still in use")
    tokens.giveBack(now: .seconds(800))
    tokens.giveBack(now: .seconds(800))
    #expect(tokens.free == 0, "no more tokens are returned than were held")
    #expect(tokens.take(for: "last", urgent: false, now: .seconds(1000)) == nil)
    #expect(tokens.free == 0)
    #expect(tokens.take(for: "end", urgent: false, now: .seconds(1100)) == nil)
  }

  @Test func `urgent callers are ahead of all others, in order of arrival`() {
    for _ in 0..<3 { #expect(take("first", at: 0) == nil) }
    #expect(take("edit", at: 1) == .seconds(299))
    #expect(take("rollback", urgent: true, at: 2) == .seconds(298))
    #expect(take("rollback 2", urgent: true, at: 3) == .seconds(297))
    #expect(take("rollback 2", urgent: true, at: 300) == nil, "there are enough tokens for both")
    #expect(take("edit", at: 300) == nil, "and one more than the one that is kept")
    #expect(take("edit 2", at: 300) == .seconds(300))
    #expect(take("rollback", urgent: true, at: 301) == nil)
  }

  @Test func `the places of urgent callers are known until they lapse, get their token or leave`() {
    for _ in 0..<3 { #expect(take("first", at: 0) == nil) }
    #expect(take("edit", at: 1) != nil)
    #expect(take("rollback", urgent: true, at: 2) == .seconds(298))
    #expect(bucket.tokens.urgentPlaces(now: .seconds(12)) == [.seconds(318)])
    #expect(bucket.tokens.urgentPlaces(now: .seconds(330)).isEmpty)
    bucket.tokens.leave("rollback")
    #expect(bucket.tokens.urgentPlaces(now: .seconds(12)).isEmpty)
  }

  @Test func `a free token is kept for a waiting urgent caller`() {
    for second in [0, 100, 200] { #expect(take("first", at: second) == nil) }
    #expect(take("rollback", urgent: true, at: 250) == .seconds(50))
    #expect(take("edit", at: 305) == .seconds(95))
    #expect(take("rollback", urgent: true, at: 305) == nil)
    #expect(take("edit", at: 400) == nil)
  }

  @Test func `a place lapses if nobody collects the token`() {
    for second in [0, 100, 200] { #expect(take("first", at: second) == nil) }
    #expect(take("rollback", urgent: true, at: 250) == .seconds(50))
    #expect(take("edit", at: 330) == .seconds(70))
    #expect(take("edit", at: 331) == nil, "the token of second 300 was kept for thirty seconds")
    #expect(bucket.tokens.waiting == 0)
  }

  @Test func `a caller that leaves the line does not hold up anybody`() {
    for second in [0, 100, 200] { #expect(take("first", at: second) == nil) }
    #expect(take("rollback", urgent: true, at: 250) == .seconds(50))
    #expect(take("edit", at: 300) == .seconds(100))
    bucket.tokens.leave("rollback")
    bucket.tokens.leave("never seen")
    #expect(take("edit", at: 300) == nil)
  }

  @Test func `a key whose request becomes urgent leaves its old place in line`() {
    for _ in 0..<3 { #expect(take("first", at: 0) == nil) }
    for key in ["a", "b", "c", "d"] { #expect(take(key, at: 1) != nil) }
    #expect(take("d", urgent: true, at: 1) == .seconds(299))
    #expect(take("c", at: 1) == .seconds(599))
    #expect(bucket.tokens.waiting == 4)
    #expect(take("d", at: 1) == .seconds(599), "and goes back to the end")
  }

  @Test func `a clock that goes back grants nothing`() {
    for _ in 0..<3 { #expect(take("a", at: 1_000) == nil) }
    #expect(take("b", at: 10) == .seconds(300))
    #expect(bucket.tokens.free == 0)
  }

  @Test(arguments: [(0, Duration.seconds(10)), (-5, .seconds(10)), (1, .seconds(10))])
  func `a capacity below one counts as one`(capacity: Int, per: Duration) {
    var bucket = TokenBucket<Int>(capacity: capacity, per: per)
    let waits = [1, 2].map { bucket.take(for: $0, urgent: false, now: .zero) }
    #expect(waits == [nil, per])
  }

  /// The workspace's budget under a load that always wants more: 50 writes in any five minutes.
  @Test(arguments: 0..<4)
  func `no window of five minutes ever holds more than fifty grants`(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    var bucket = TokenBucket<Int>(capacity: 50, per: .seconds(300))
    var now = Duration.zero
    var grants: [Duration] = []
    for _ in 0..<5_000 {
      // Bursts and pauses: many requests at one moment, then nothing for a while.
      now +=
        random.next() % 8 == 0 ? .milliseconds(Int(random.next() % 60_000)) : .milliseconds(Int(random.next() % 40))
      let key = Int(random.next() % 120)
      if bucket.take(for: key, urgent: key % 10 == 0, now: now) == nil { grants.append(now) }
    }
    #expect(grants.count > 500)
    #expect(zip(grants, grants.dropFirst(50)).allSatisfy { $1 - $0 >= .seconds(300) })
  }
}
