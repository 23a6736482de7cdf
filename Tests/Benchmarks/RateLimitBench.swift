import Scheduling

/// The time in which an endpoint with a thousand rate limits decides about a call, of ten thousand principals, and counts
/// the tokens of its answer.
enum RateLimitBench {
  private static let rounds = 200_000
  private static let repetitions = 3
  /// The most microseconds for a call.
  private static let bound = 5.0

  /// - Returns: whether the bound is met.
  /// - Throws: if a limit does not do what it should.
  static func run() throws -> Bool {
    let principals = (0..<10_000).map { "principal-\($0)" }
    let groups = (0..<500).map { "group-\($0)" }
    var limits = [RateLimit(.endpoint, calls: 1_000_000_000, tokens: 1_000_000_000)]
    var scopes: [RateLimit.Scope] = [.eachPrincipal]
    for name in principals.prefix(498) { scopes.append(.principal(name)) }
    for name in groups { scopes.append(.group(name)) }
    for scope in scopes { limits.append(RateLimit(scope, calls: 1_000_000, tokens: 1_000_000)) }
    // Every second principal is in two of the groups.
    let memberships: [Set<String>] = principals.indices.map { index in
      index.isMultiple(of: 2) ? [] : [groups[index % 500], groups[(index + 7) % 500]]
    }
    var times: [Double] = []
    for _ in 0..<repetitions {
      var limiter = RateLimiter(limits)
      var refused = 0
      let seconds = Process.seconds {
        for round in 0..<rounds {
          let index = round &* 7919 % principals.count
          let (name, own, now) = (principals[index], memberships[index], Duration.microseconds(round))
          if limiter.admit(principal: name, groups: own, now: now) != nil { refused += 1 }
          limiter.debit(tokens: 100, principal: name, groups: own, now: now)
        }
      }
      guard refused == 0 else { throw Wrong("\(refused) calls were refused") }
      times.append(seconds / Double(rounds) * 1e6)
    }
    let time = median(times)
    print(
      "rate limits: \(fixed(time, 2)) µs for a call and the tokens of its answer, with \(limits.count) limits and "
        + "\(principals.count) principals (median of \(repetitions), processor time; at most \(fixed(bound, 0)))")
    return time <= bound
  }
}
