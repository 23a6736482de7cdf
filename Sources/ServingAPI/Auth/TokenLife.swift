/// When an access token is used, when it is replaced ahead of time, and when nothing goes out before there is a new
/// one. Pure: time goes in, what to do comes out; ``TokenSource`` does it. One request at a time is under way, whoever
/// asks.
///
/// Lives are measured from the moment the token was asked for, by a clock that is never set: what a wall clock says,
/// here or at the server, does not matter.
struct TokenLife {
  struct Token: Hashable {
    let secret: Secret
    /// When it was asked for.
    let since: Duration
    /// Nil: until it is refused.
    let lifetime: Duration?
    /// Whether it took the place of one that the server had refused.
    var followsRefusal = false
  }

  enum Advice: Equatable {
    case use(Secret)
    /// Use this one, and ask for its successor: nobody else has been told to.
    case replaceEarly(Secret)
    /// Ask for a token: nobody else has been told to.
    case fetch
    /// Somebody asks already; come back when that has ended.
    case wait
    /// It failed a moment ago, and it is too early to ask again.
    case fail(TokenFailure)
  }

  private enum Flight { case none, early, needed }

  private var token: Token?
  private var flight = Flight.none
  /// Before this no early replacement is tried.
  private var earlyAgain = Duration.zero
  private var failure: (cause: TokenFailure, until: Duration)?
  private var failures = 0
  private var wasRefused = false

  var isUnderWay: Bool { flight != .none }

  mutating func ask(at now: Duration) -> Advice {
    if let token, isUsable(token, at: now) {
      guard flight == .none, isStale(token, at: now), now >= earlyAgain else { return .use(token.secret) }
      flight = .early
      return .replaceEarly(token.secret)
    }
    guard flight == .none else { return .wait }
    if let failure, now < failure.until { return .fail(failure.cause) }
    flight = .needed
    return .fetch
  }

  mutating func obtained(_ secret: Secret, lifetime: Duration?, since: Duration) {
    token = Token(secret: secret, since: since, lifetime: lifetime, followsRefusal: wasRefused)
    wasRefused = false
    flight = .none
    failure = nil
    failures = 0
    earlyAgain = .zero
  }

  /// What was under way failed. The token that is there stays in use.
  mutating func failed(_ cause: TokenFailure, at now: Duration) {
    if flight == .early {
      earlyAgain = now + Self.earlyPause
    } else {
      failures += 1
      let pause = max(.seconds(min(10, failures)), min(cause.error.retryAfter ?? .zero, .seconds(60)))
      failure = (cause, now + pause)
    }
    flight = .none
  }

  /// Whoever asked was cancelled: that says nothing about the next one.
  mutating func abandoned() { flight = .none }

  /// The server refused the token.
  ///
  /// - Returns: whether another one is worth asking for. A token that came for a refused one and is refused at once as
  ///   well shows that tokens are not what is missing.
  mutating func refused(_ secret: Secret, at now: Duration) -> Bool {
    guard let token, token.secret == secret else { return true }
    if token.followsRefusal, now - token.since < Self.refusalPause { return false }
    self.token = nil
    wasRefused = true
    return true
  }

  // MARK: - Ages

  /// Servers refuse tokens that have half a minute left (serving-api.md 1.6). A life too short for that margin is used
  /// by half.
  private func isUsable(_ token: Token, at now: Duration) -> Bool {
    guard let lifetime = token.lifetime else { return true }
    return token.since + lifetime - now >= min(Self.margin, lifetime / 2)
  }

  private func isStale(_ token: Token, at now: Duration) -> Bool {
    guard let lifetime = token.lifetime else { return false }
    return token.since + lifetime - now < min(lifetime / 2, Self.longestStaleness)
  }

  private static let margin = Duration.seconds(40)
  /// As long as a token service may be away in a bad month without anybody noticing.
  private static let longestStaleness = Duration.seconds(20 * 60)
  private static let earlyPause = Duration.seconds(60)
  private static let refusalPause = Duration.seconds(10)
}

/// Why there is no access token. Kept apart from the errors of a call, which may be sent again: this has been tried
/// already.
struct TokenFailure: Error, Hashable {
  let error: ServingError
}
