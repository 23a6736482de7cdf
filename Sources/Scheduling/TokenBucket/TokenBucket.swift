/// How often something may be done: a bucket of tokens, in which each token comes back a fixed time after it was taken.
///
/// That makes the bound strict: in **any** window of ``per``, from a moment up to but not including the one `per` later, at
/// most ``capacity`` tokens are taken. (The usual bucket, refilled drop by drop, gives up to twice as many in the window in
/// which a full bucket is emptied.) A burst is therefore as large as what is in the bucket, at most `capacity`, and what it
/// took comes back as the burst went: all at once, `per` later.
///
/// Who gets no token stands in line. The urgent stand before all others, and within a line it is first come, first served:
/// a free token is kept for whoever is ahead, so nobody who comes later makes somebody ahead wait longer. The wait that
/// ``take(for:urgent:now:)`` tells is when the token for that place in line comes back, so that nobody asks in vain unless
/// somebody urgent came in between. Who does not ask again within ``hold`` after that time loses its place.
///
/// Times are durations since any origin that stays the same; a time before the last one counts as the last one.
package struct TokenBucket<Key: Hashable & Sendable>: Sendable {
  package let capacity: Int
  package let per: Duration
  /// How long a free token is kept for who is to come for it.
  package let hold: Duration
  private var clock = Duration.zero
  /// When the tokens that are taken come back, the earliest first; with those in use `capacity` of them at most.
  private var returns: [Duration] = []
  /// Tokens in use: when they come back is not known before ``giveBack(now:)``.
  private var inUse = 0
  private var urgent = WaitingLine<Key>()
  private var ordinary = WaitingLine<Key>()

  /// - Parameters:
  ///   - capacity: at least 1.
  ///   - hold: a tenth of `per` where none is given.
  package init(capacity: Int, per: Duration, hold: Duration? = nil) {
    self.capacity = max(1, capacity)
    self.per = max(.zero, per)
    self.hold = max(.zero, hold ?? per / 10)
  }

  /// Takes a token for `key`, or stands in line for one. The last ask counts: a key that asks less or more urgently than
  /// before goes to the end of its new line.
  ///
  /// - Parameter isHeld: whether the token is in use until ``giveBack(now:)``, and comes back ``per`` after that: what is
  ///   long on its way to where it counts is then bound as strictly as what arrives at once.
  /// - Returns: nil when a token was taken; else how long to wait before asking again.
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

  /// A token that was held is used no more: it comes back ``per`` from now.
  package mutating func giveBack(now: Duration) {
    guard inUse > 0 else { return }
    advance(to: now)
    inUse -= 1
    returns.append(clock + per)
  }

  /// The key wants no token any more.
  package mutating func leave(_ key: Key) {
    urgent.leave(key)
    ordinary.leave(key)
  }

  /// Tokens in the bucket, as of the last time that was told; some may be kept for who stands in line.
  package var free: Int { capacity - returns.count - inUse }

  /// Keys that stand in line.
  package var waiting: Int { urgent.count + ordinary.count }

  private mutating func advance(to now: Duration) {
    clock = max(clock, now)
    let back = returns.firstIndex { $0 > clock } ?? returns.endIndex
    returns.removeSubrange(..<back)
    urgent.dropLapsed(at: clock)
    ordinary.dropLapsed(at: clock)
  }

  /// When the token comes that is left after `ahead` others have taken theirs as early as they can: those that are out come
  /// back one by one, those that are free are taken now and come back `per` later, and so on, round by round.
  private func timeOfToken(_ ahead: Int) -> Duration {
    let index = ahead - free
    let place = index % capacity
    let first = place < returns.count ? returns[place] : clock + per
    return first + per * (index / capacity)
  }
}
