/// Decides when an access token is used, when it is replaced ahead of time, and when calls wait for a new one. Pure: it
/// takes the time and returns what to do; ``TokenSource`` does it. Only one request at a time is in flight, however
/// many callers there are.
///
/// Lifetimes are measured from the moment the token was requested, by a monotonic clock: wall clocks, here or at the
/// server, do not matter.
struct TokenLifecycle {
  struct Token: Hashable {
    let secret: Secret
    /// When it was requested.
    let since: Duration
    /// Nil: valid until it is refused.
    let lifetime: Duration?
    /// Whether it replaced a token that the server had refused.
    var followsRefusal = false
  }

  enum Action: Equatable {
    case use(Secret)
    /// Use this token, and request its successor: no other caller does.
    case replaceEarly(Secret)
    /// Request a token: no other caller does.
    case fetch
    /// Another caller is requesting one; wait until that has ended.
    case wait
    /// The last request failed a moment ago, and it is too early to retry.
    case fail(TokenFailure)
  }

  private enum PendingRequest { case none, early, needed }

  private var token: Token?
  private var pending = PendingRequest.none
  /// The earliest time of the next early replacement.
  private var earlyAgain = Duration.zero
  private var failure: (cause: TokenFailure, until: Duration)?
  private var failures = 0
  private var wasRefused = false

  var isInProgress: Bool { pending != .none }

  mutating func ask(at now: Duration) -> Action {
    if let token, isUsable(token, at: now) {
      guard pending == .none, isStale(token, at: now), now >= earlyAgain else { return .use(token.secret) }
      pending = .early
      return .replaceEarly(token.secret)
    }
    guard pending == .none else { return .wait }
    if let failure, now < failure.until { return .fail(failure.cause) }
    pending = .needed
    return .fetch
  }

  mutating func obtained(_ secret: Secret, lifetime: Duration?, since: Duration) {
    token = Token(secret: secret, since: since, lifetime: lifetime, followsRefusal: wasRefused)
    wasRefused = false
    pending = .none
    failure = nil
    failures = 0
    earlyAgain = .zero
  }

  /// Records that the request failed. The current token stays in use.
  mutating func failed(_ cause: TokenFailure, at now: Duration) {
    if pending == .early {
      earlyAgain = now + Self.earlyPause
    } else {
      failures += 1
      let pause = max(.seconds(min(10, failures)), min(cause.error.retryAfter ?? .zero, .seconds(60)))
      failure = (cause, now + pause)
    }
    pending = .none
  }

  /// Records that the requesting caller was canceled, which says nothing about the next one.
  mutating func abandoned() { pending = .none }

  /// Records that the server refused the token.
  ///
  /// - Returns: whether to request another one. If a token that replaced a refused one is refused immediately, a new
  ///   token does not help.
  mutating func refused(_ secret: Secret, at now: Duration) -> Bool {
    guard let token, token.secret == secret else { return true }
    if token.followsRefusal, now - token.since < Self.refusalPause { return false }
    self.token = nil
    wasRefused = true
    return true
  }

  // MARK: - Ages

  /// Servers refuse tokens with half a minute left (serving-api.md 1.6). If the lifetime is too short for that margin,
  /// half of it is used.
  private func isUsable(_ token: Token, at now: Duration) -> Bool {
    guard let lifetime = token.lifetime else { return true }
    return token.since + lifetime - now >= min(Self.margin, lifetime / 2)
  }

  private func isStale(_ token: Token, at now: Duration) -> Bool {
    guard let lifetime = token.lifetime else { return false }
    return token.since + lifetime - now < min(lifetime / 2, Self.longestStaleness)
  }

  private static let margin = Duration.seconds(40)
  /// How long a token service may be unavailable, even in a bad month, without affecting calls.
  private static let longestStaleness = Duration.seconds(20 * 60)
  private static let earlyPause = Duration.seconds(60)
  private static let refusalPause = Duration.seconds(10)
}

/// The reason why there is no access token. Separate from the errors of a call, which may be retried: this one has been
/// retried already.
struct TokenFailure: Error, Hashable {
  let error: ServingError
}
