/// The rate limits of one endpoint, and what has been taken under them.
///
/// A call is counted under every limit that applies to its principal, and only if all of them admit it: the endpoint's,
/// the principal's own, and those of its groups; the limit for each principal applies if it has none of its own and no
/// group's. Tokens are taken after the answer, when their number is known; a call is admitted while at least one is left.
///
/// Times are durations since any fixed origin.
package struct RateLimiter: Sendable {
  private struct Amounts: Hashable {
    var calls: Int64?
    var tokens: Int64?
  }

  /// Whose bucket it is.
  private struct Holder: Hashable {
    let scope: RateLimit.Scope
    /// Under the limit for each principal, which one.
    let principal: String?
  }

  private struct Taken {
    var calls = RefillingBucket()
    var tokens = RefillingBucket()
  }

  private var limits: [RateLimit.Scope: Amounts] = [:]
  /// The groups that have limits.
  private var groups: Set<String> = []
  /// The buckets that are not known to be full. A full one is like one that does not exist.
  private var taken: [Holder: Taken] = [:]
  /// The number of buckets at which the full ones are dropped.
  private var sweepSize = RateLimiter.leastSweepSize

  private static let leastSweepSize = 64

  package init(_ limits: [RateLimit] = []) { set(limits) }

  /// The number of buckets kept: in the long run, at most twice the number of those that are not full.
  package var bucketCount: Int { taken.count }

  /// Changes the limits. What is counted under an unchanged one stays counted. Of several for the same scope, the
  /// strictest applies.
  package mutating func set(_ new: [RateLimit]) {
    var amounts: [RateLimit.Scope: Amounts] = [:]
    for limit in new {
      let other = amounts[limit.scope]
      amounts[limit.scope] = Amounts(
        calls: Self.stricter(other?.calls, limit.calls), tokens: Self.stricter(other?.tokens, limit.tokens))
    }
    guard amounts != limits else { return }
    var kept: [Holder: Taken] = [:]
    for (holder, var bucket) in taken {
      guard let now = amounts[holder.scope], let before = limits[holder.scope] else { continue }
      if now.calls != before.calls { bucket.calls = RefillingBucket() }
      if now.tokens != before.tokens { bucket.tokens = RefillingBucket() }
      kept[holder] = bucket
    }
    taken = kept
    limits = amounts
    groups = Set(amounts.keys.compactMap(\.group))
  }

  private static func stricter(_ one: Int64?, _ other: Int64?) -> Int64? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }

  /// Counts a call, if every limit that applies admits it.
  ///
  /// - Returns: why it is refused, and is not counted; nil if it is admitted.
  package mutating func admit(principal: String, groups: Set<String>, now: Duration) -> RateLimitRefusal? {
    guard !limits.isEmpty else { return nil }
    let now = Self.nanoseconds(now)
    let holders = holders(principal: principal, groups: groups)
    var refusal: RateLimitRefusal?
    func check(_ limit: Int64?, _ unit: RateLimitRefusal.Unit, _ bucket: RefillingBucket?, _ scope: RateLimit.Scope) {
      guard let limit else { return }
      let wait = (bucket ?? RefillingBucket()).wait(limit: limit, now: now)
      guard wait > (refusal?.wait ?? .zero) else { return }
      refusal = RateLimitRefusal(scope: scope, unit: unit, limit: limit, wait: wait)
    }
    for holder in holders {
      guard let amounts = limits[holder.scope] else { continue }
      let bucket = taken[holder]
      check(amounts.calls, .calls, bucket?.calls, holder.scope)
      check(amounts.tokens, .tokens, bucket?.tokens, holder.scope)
    }
    if let refusal { return refusal }
    for holder in holders {
      guard let limit = limits[holder.scope]?.calls else { continue }
      taken[holder, default: Taken()].calls.take(1, limit: limit, now: now)
    }
    sweep(now: now)
    return nil
  }

  /// Takes the tokens of an answer, also more than there are: the debt delays later calls.
  package mutating func debit(tokens: Int64, principal: String, groups: Set<String>, now: Duration) {
    guard tokens > 0, !limits.isEmpty else { return }
    let now = Self.nanoseconds(now)
    for holder in holders(principal: principal, groups: groups) {
      guard let limit = limits[holder.scope]?.tokens else { continue }
      taken[holder, default: Taken()].tokens.take(tokens, limit: limit, now: now)
    }
    sweep(now: now)
  }

  /// The buckets that a principal's calls are counted in.
  private func holders(principal: String, groups own: Set<String>) -> [Holder] {
    var holders: [Holder] = []
    func add(_ scope: RateLimit.Scope, of principal: String? = nil) {
      if limits[scope] != nil { holders.append(Holder(scope: scope, principal: principal)) }
    }
    add(.endpoint)
    let common = holders.count
    add(.principal(principal))
    if !groups.isEmpty {
      let (fewer, more) = own.count < groups.count ? (own, groups) : (groups, own)
      for group in fewer where more.contains(group) { add(.group(group)) }
    }
    if holders.count == common { add(.eachPrincipal, of: principal) }
    return holders
  }

  /// Drops the full buckets, as often as keeps both their number and the time for this small.
  private mutating func sweep(now: Int64) {
    guard taken.count >= sweepSize else { return }
    taken = taken.filter { holder, bucket in
      guard let amounts = limits[holder.scope] else { return false }
      return amounts.calls.map { !bucket.calls.isFull(limit: $0, now: now) } ?? false
        || amounts.tokens.map { !bucket.tokens.isFull(limit: $0, now: now) } ?? false
    }
    sweepSize = max(Self.leastSweepSize, 2 * taken.count)
  }

  private static func nanoseconds(_ time: Duration) -> Int64 {
    let (seconds, attoseconds) = time.components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? 0 : .max) : max(0, product + attoseconds / 1_000_000_000)
  }
}

extension RateLimit.Scope {
  fileprivate var group: String? { if case .group(let name) = self { name } else { nil } }
}
