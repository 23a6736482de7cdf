internal import EventFlags
internal import LibCurl
internal import Synchronization

/// The access tokens of one provider. However many calls need one, only one token request is in flight; a token about
/// to expire is replaced while other calls go on using it.
///
/// Nothing runs in the background: one of the callers requests the token, as part of its own call.
package final class TokenSource: Sendable {
  private let access: ProviderAccess
  private let service: TokenService
  private let retryPolicy: RetryPolicy
  private let timing: Timing
  private let state: Mutex<State>
  let secrets = SecretStore()

  private struct State {
    var lifecycle = TokenLifecycle()
    /// Nil before the first request, so that what the command line resolved is not read a second time.
    var credentials: Credentials?
    var endpoint: TokenEndpoint?
    /// Set when the request in flight has ended; the next request has another one.
    var end = EventFlag()
  }

  init(
    _ access: ProviderAccess, userAgent: String, transport: @escaping Transport, timing: Timing,
    retryPolicy: RetryPolicy
  ) {
    self.access = access
    self.timing = timing
    self.retryPolicy = retryPolicy
    state = Mutex(State())
    service = TokenService(
      target: access.target, userAgent: userAgent, transport: transport, timing: timing, readFile: access.readFile,
      secrets: secrets)
    access.credentials.keepSecrets(secrets)
  }

  /// Returns a token to send now.
  ///
  /// - Throws: ``TokenFailure``; `CancellationError` if the task is canceled.
  func token() async throws -> Secret {
    while true {
      try Task.checkCancellation()
      let (action, end) = state.withLock { ($0.lifecycle.ask(at: timing.elapsed()), $0.end) }
      switch action {
      case .use(let token): return token
      case .fail(let failure): throw failure
      case .wait: await end.wait()
      case .fetch: return try await fetch(retryPolicy, Self.timeouts)
      case .replaceEarly(let token):
        do {
          return try await fetch(nil, Self.earlyTimeouts)
        } catch is TokenFailure {
          return token
        }
      }
    }
  }

  /// Records that the server refused the token.
  ///
  /// - Returns: whether to retry the call with another token. A fixed token from a file is read again for the next
  ///   call, but no call is retried with it, because it may be the same.
  func refused(_ token: Secret) -> Bool {
    let isRenewable = state.withLock { $0.credentials ?? access.credentials }.isRenewable
    return state.withLock { $0.lifecycle.refused(token, at: timing.elapsed()) } && isRenewable
  }

  /// A slow token service must not delay the call that replaces a token ahead of time.
  private static let earlyTimeouts = HTTPTimeouts(connect: .seconds(5), idle: nil, total: .seconds(10))
  private static let timeouts = HTTPTimeouts(connect: .seconds(10), idle: .seconds(30), total: .seconds(60))

  // MARK: - One request for all

  private func fetch(_ retryPolicy: RetryPolicy?, _ timeouts: HTTPTimeouts) async throws -> Secret {
    do {
      let credentials = try currentCredentials()
      guard case .token(let token) = credentials.proof else {
        let issued = try await service.requestToken(
          with: credentials, at: state.withLock(\.endpoint), retryPolicy: retryPolicy, timeouts: timeouts)
        land { state in
          state.endpoint = issued.endpoint
          state.lifecycle.obtained(issued.response.token, lifetime: issued.response.lifetime, since: issued.since)
        }
        return issued.response.token
      }
      land { $0.lifecycle.obtained(token, lifetime: nil, since: timing.elapsed()) }
      return token
    } catch let failure as TokenFailure {
      land { state in
        // The endpoint may have moved.
        state.endpoint = nil
        state.lifecycle.failed(failure, at: timing.elapsed())
      }
      throw failure
    } catch {
      land { $0.lifecycle.abandoned() }
      throw error
    }
  }

  /// Returns the credentials resolved at the start on first use, then the current ones: a profile's secret may have
  /// been renewed.
  private func currentCredentials() throws -> Credentials {
    let isFirst = state.withLock { $0.credentials == nil }
    let credentials: Credentials
    do throws(TargetError) {
      credentials = isFirst ? access.credentials : try access.reread()
    } catch {
      throw TokenFailure(
        error: ServingError(
          kind: .unauthenticated, serverMessage: secrets.redact(error.message), call: "reread the credentials",
          advice: error.advice))
    }
    credentials.keepSecrets(secrets)
    state.withLock { $0.credentials = credentials }
    return credentials
  }

  private func land(_ change: (inout State) -> Void) {
    let end = state.withLock { state in
      change(&state)
      defer { state.end = EventFlag() }
      return state.end
    }
    end.set()
  }
}

extension Credentials {
  /// Registers the texts that no message may repeat.
  fileprivate func keepSecrets(_ secrets: SecretStore) {
    switch proof {
    case .token(let token): secrets.keep(token.text)
    case .client(_, let secret): secrets.keep(secret.text)
    case .federation(.environment(_, let token), _), .federation(.github(_, let token), _): secrets.keep(token.text)
    case .federation(.file, _): break
    }
  }
}
