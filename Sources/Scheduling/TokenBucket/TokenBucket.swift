/// A rate limit: a bucket of tokens in which each token returns a fixed time after it was taken.
///
/// This makes the limit strict: in **any** window of ``per``, from a time up to but not including the one `per` later,
/// at most ``capacity`` tokens are taken. (The usual bucket, refilled continuously, gives up to twice as many in the
/// window in which a full bucket is emptied.) A burst is therefore at most as large as the bucket's content, up to
/// `capacity`, and its tokens return as they were taken: all at once, `per` later.
///
/// A key that gets no token waits in line. Urgent keys are ahead of all others, and within a line it is first come,
/// first served: a free token is kept for the key ahead, so that later keys never delay earlier ones. The wait returned
/// by ``take(for:urgent:now:)`` ends when the token for that place in line returns, so that no key retries too soon
/// unless an urgent one came in between. A key that does not ask again within ``hold`` after that time loses its place.
///
/// Times are durations since any fixed origin; a time before the last one counts as the last one.
package struct TokenBucket<Key: Hashable & Sendable>: Sendable {
  package let capacity: Int
  package let per: Duration
  /// How long a free token is kept for the key at its place in line.
  package let hold: Duration
  private var clock = Duration.zero
  /// The return times of the taken tokens, earliest first; together with those in use, at most `capacity`.
  private var returns: [Duration] = []
  /// The return times of the tokens that others have taken, earliest first.
  private var others: [Duration] = []
  /// The number of tokens in use, whose return times are unknown before ``giveBack(now:)``.
  private var inUse = 0
  private var urgent = WaitQueue<Key>()
  private var ordinary = WaitQueue<Key>()

  /// - Parameters:
  ///   - capacity: at least 1.
  ///   - hold: a tenth of `per` if not given.
  package init(capacity: Int, per: Duration, hold: Duration? = nil) {
    self.capacity = max(1, capacity)
    self.per = max(.zero, per)
    self.hold = max(.zero, hold ?? per / 10)
  }

  /// Takes a token for `key`, or a place in line for one. The last call counts: a key that is less or more urgent than
  /// before goes to the end of its new line.
  ///
  /// - Parameter isHeld: whether the token is in use until ``giveBack(now:)``, and returns ``per`` after that, so that
  ///   slow calls are limited as strictly as fast ones.
  /// - Returns: nil if a token was taken; else how long to wait before asking again.
  package mutating func take(
    for key: Key, urgent isUrgent: Bool, holding isHeld: Bool = false, now: Duration
  ) -> Duration? {
    advance(to: now)
    if isUrgent { ordinary.leave(key) } else { urgent.leave(key) }
    let ahead = isUrgent ? urgent.ahead(of: key) : urgent.count + ordinary.ahead(of: key)
    if ahead < free {
      leave(key)
      if isHeld { inUse += 1 } else { returns.append(clock + per) }
      return nil
    }
    let wait = timeOfToken(ahead) - clock
    let lapse = clock + wait + hold
    if isUrgent { urgent.stand(key, until: lapse) } else { ordinary.stand(key, until: lapse) }
    return wait
  }

  /// Releases a held token, which returns ``per`` from now.
  package mutating func giveBack(now: Duration) {
    guard inUse > 0 else { return }
    advance(to: now)
    inUse -= 1
    returns.append(clock + per)
  }

  /// Removes a key from the line.
  package mutating func leave(_ key: Key) {
    urgent.leave(key)
    ordinary.leave(key)
  }

  /// Sets the tokens that others who share the limit have taken, by the time until each returns. Together with
  /// this bucket's own, they may exceed ``capacity``.
  package mutating func setTakenByOthers(_ waits: [Duration], now: Duration) {
    advance(to: now)
    others = waits.sorted().map { clock + $0 }
  }

  /// The time until each taken token returns, except those in use and those that others have taken.
  package func taken(now: Duration) -> [Duration] { returns.map { $0 - now }.filter { $0 > .zero } }

  /// How long the place of each urgent key in line lasts if the key does not ask again.
  package func urgentPlaces(now: Duration) -> [Duration] { urgent.lapses.map { $0 - now }.filter { $0 > .zero } }

  /// The number of tokens in the bucket at the last known time; some may be kept for keys in line. Negative if others
  /// have taken too many.
  package var free: Int { capacity - returns.count - others.count - inUse }

  /// The number of keys in line.
  package var waiting: Int { urgent.count + ordinary.count }

  private mutating func advance(to now: Duration) {
    clock = max(clock, now)
    let back = returns.firstIndex { $0 > clock } ?? returns.endIndex
    returns.removeSubrange(..<back)
    if !others.isEmpty { others = others.filter { $0 > clock } }
    urgent.dropLapsed(at: clock)
    ordinary.dropLapsed(at: clock)
  }

  /// Returns the time of the first token left after `ahead` keys have taken theirs as early as possible: taken tokens
  /// return one by one, free ones are taken now and return `per` later, and so on.
  private func timeOfToken(_ ahead: Int) -> Duration {
    let index = ahead - free
    let known = others.isEmpty ? returns : (returns + others).sorted()
    if index < known.count { return known[index] }
    let place = index % capacity
    let first = place < known.count ? known[place] : clock + per
    return first + per * (index / capacity)
  }
}
