internal import CanonicalJSON
internal import FoundationEssentials
internal import LibCurl

/// Requests access tokens: finds the token endpoint, gets the identity token if one is to be exchanged, and sends the
/// request. Stateless; ``TokenSource`` stores the tokens.
struct TokenService: Sendable {
  let target: ProviderTarget
  let userAgent: String
  let transport: Transport
  let timing: Timing
  let readFile: @Sendable (String) throws(TargetError) -> String?
  let secrets: SecretStore

  struct IssuedToken {
    let response: TokenResponse
    /// When it was requested: its lifetime starts here.
    let since: Duration
    let endpoint: TokenEndpoint
  }

  /// Requests an access token.
  ///
  /// - Parameters:
  ///   - endpoint: the endpoint of the previous token; nil: it still has to be found.
  ///   - retryPolicy: when to retry transient failures; nil: never.
  ///   - timeouts: the timeouts of each request.
  /// - Throws: ``TokenFailure``; `CancellationError` if the task is canceled.
  func requestToken(
    with credentials: Credentials, at endpoint: TokenEndpoint?, retryPolicy: RetryPolicy?, timeouts: HTTPTimeouts
  ) async throws -> IssuedToken {
    let attempt = Attempt(
      credentials: credentials, start: timing.elapsed(), retryPolicy: retryPolicy, timeouts: timeouts)
    let endpoint = if let endpoint { endpoint } else { try await findEndpoint(attempt) }
    let (form, authorization) = try await grant(attempt, endpoint)
    var request = request("POST", endpoint.url, attempt, authorization: authorization)
    request.headers.append(HTTPField("Content-Type", "application/x-www-form-urlencoded"))
    request.body = Array(Self.encode(form).utf8)
    let since = timing.elapsed()
    let response = try await send(request, attempt) { $0.mayPass }
    guard response.failure == nil else { throw refusal(response, attempt, call: call(request)) }
    guard let issued = TokenResponse(body: response.body, headers: response.headers) else {
      throw failure(
        .unexpectedAnswer, "the response contains no access token", attempt, call: call(request),
        advice: "check that \(target.url) is the address of a workspace")
    }
    secrets.keepForAWhile(issued.token.text)
    return IssuedToken(response: issued, since: since, endpoint: endpoint)
  }

  private struct Attempt {
    let credentials: Credentials
    let start: Duration
    let retryPolicy: RetryPolicy?
    let timeouts: HTTPTimeouts
  }

  // MARK: - What is shown

  /// Returns the form, and the `Authorization` header if the client sends a secret.
  private func grant(
    _ attempt: Attempt, _ endpoint: TokenEndpoint
  ) async throws -> (form: [(String, String)], authorization: String?) {
    switch attempt.credentials.proof {
    case .client(let id, let secret):
      // Both are form-encoded first (RFC 6749, section 2.3.1), because a colon separates them.
      let pair = "\(PercentEncoding.encode(id)):\(PercentEncoding.encode(secret.text))"
      let encoded = Data(pair.utf8).base64EncodedString()
      secrets.keep(secret.text, PercentEncoding.encode(secret.text), encoded)
      return ([("grant_type", "client_credentials"), ("scope", Self.scope)], "Basic \(encoded)")
    case .federation(let source, let clientID):
      let identity = try await identityToken(source, attempt, endpoint)
      let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), ("subject_token", identity.text),
        ("scope", Self.scope),
      ]
      return (form + (clientID.map { [("client_id", $0)] } ?? []), nil)
    case .token:
      // This method already has its token.
      throw failure(.unauthenticated, "the token exchange is not supported", attempt, call: "authenticate")
    }
  }

  private static let scope = "all-apis"

  private static func encode(_ form: [(name: String, value: String)]) -> String {
    form.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
  }

  private func identityToken(
    _ source: IdentitySource, _ attempt: Attempt, _ endpoint: TokenEndpoint
  ) async throws -> Secret {
    let token: String
    switch source {
    case .environment(_, let secret): token = secret.text
    case .file(let path): token = try identityToken(inFile: path, attempt)
    case .github(let url, let secret):
      secrets.keep(secret.text)
      token = try await gitHubToken(url, secret, audience: endpoint.audience, attempt)
    }
    secrets.keepForAWhile(token)
    guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw failure(
        .unauthenticated, "\(source.name) is not a token: it contains whitespace or non-ASCII characters", attempt,
        call: "authenticate")
    }
    return Secret(token)
  }

  private func identityToken(inFile path: String, _ attempt: Attempt) throws -> String {
    let text: String?
    do {
      text = try readFile(path)
    } catch {
      throw failure(.unauthenticated, error.message, attempt, call: "read \(path)", advice: error.advice)
    }
    guard let token = text?.trimmed, !token.isEmpty else {
      throw failure(
        .unauthenticated, text == nil ? "file not found" : "the file is empty", attempt, call: "read \(path)",
        advice:
          "the path is from \(attempt.credentials.source); the process that writes the token must create it")
    }
    return token
  }

  private func gitHubToken(_ url: String, _ token: Secret, audience: String, _ attempt: Attempt) async throws -> String
  {
    let separator = url.contains("?") ? "&" : "?"
    let request = request(
      "GET", "\(url)\(separator)audience=\(PercentEncoding.encode(audience))", attempt,
      authorization: "Bearer \(token.text)")
    try requireTrust(in: request.url, attempt)
    let response = try await send(request, attempt) { $0.mayPass }
    guard response.failure == nil, let json = try? JSONValue(parsing: response.body),
      let identity = json["value"]?.stringValue, !identity.isEmpty
    else {
      let words = response.failure == nil ? "the response contains no token" : message(of: response)
      throw failure(
        .unauthenticated, "GitHub issued no identity token: \(words)", attempt, call: call(request),
        advice: "the job needs \"permissions: {id-token: write}\"")
    }
    return identity
  }

  // MARK: - Where to ask

  private func findEndpoint(_ attempt: Attempt) async throws -> TokenEndpoint {
    let discovery = OAuthDiscovery(host: target.url, credentials: attempt.credentials)
    let host = try await document(discovery.hostDocument, attempt)
    var url: String?
    for place in discovery.serverDocuments(host: host) where url == nil {
      url = try await document(place, attempt).flatMap { OAuthDiscovery.tokenEndpoint(in: $0) }
    }
    let endpoint = discovery.endpoint(url: url ?? discovery.fallback(host: host), host: host)
    try requireTrust(in: endpoint.url, attempt)
    return endpoint
  }

  /// Returns a well-known document; nil if the host has none. It is public and requested without credentials.
  private func document(_ url: String, _ attempt: Attempt) async throws -> JSONValue? {
    let response = try await send(request("GET", url, attempt), attempt) { $0 == .throttled || $0 == .unavailable }
    guard response.failure == nil, let json = try? JSONValue(parsing: response.body), json.objectValue != nil else {
      return nil
    }
    return json
  }

  /// Sends credentials only to the host they were given for, and over TLS to the URL that this host names; never in
  /// clear text to any other.
  private func requireTrust(in url: String, _ attempt: Attempt) throws {
    let isSameHost = url.hasPrefix(target.url + "/")
    guard isSameHost || url.hasPrefix("https://") || (url.hasPrefix("http://") && WorkspaceHost.isLoopback(url)) else {
      throw failure(
        .untrustedServer, "credentials are not sent to \(String(url.prefix { $0 != "?" })) without TLS", attempt,
        call: "authenticate", advice: "check \(target.url)/.well-known/databricks-config")
    }
  }

  // MARK: - One request

  private struct Response {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
    let isCut: Bool

    /// The kind of failure that the status means; nil for a success.
    var failure: ServingError.Kind? { ServingError.Kind.of(status: status) }
  }

  private func request(
    _ method: String, _ url: String, _ attempt: Attempt, authorization: String? = nil
  ) -> HTTPRequest {
    var headers = [HTTPField("Accept", "application/json"), HTTPField("User-Agent", userAgent)]
    if let authorization { headers.append(HTTPField("Authorization", authorization)) }
    return HTTPRequest(method: method, url: url, headers: headers, timeouts: attempt.timeouts)
  }

  /// Sends a request, and retries it if that may help: a repeated request returns another token and does no harm.
  private func send(
    _ request: HTTPRequest, _ attempt: Attempt, isTransient: (ServingError.Kind) -> Bool
  ) async throws -> Response {
    var tries = 1
    while true {
      let trouble: ServingError
      do {
        let response = try await response(to: request)
        guard let kind = response.failure, isTransient(kind) else { return response }
        trouble = passing(response, call: call(request))
      } catch {
        trouble = try ServingError.noResponse(error, call: call(request), hasEffect: false)
      }
      let pause = attempt.retryPolicy?.pause(
        after: trouble, mode: .repeatable, attempt: tries, elapsed: timing.elapsed() - attempt.start,
        jitter: timing.jitter())
      guard let pause else { throw failure(trouble, attempt, tries: tries) }
      try await timing.sleep(pause)
      tries += 1
    }
  }

  private func response(to request: HTTPRequest) async throws -> Response {
    let response = try await transport(request)
    let (body, isCut) = try await response.collect(upTo: Self.largestResponse)
    return Response(status: response.status, headers: response.headers, body: body, isCut: isCut)
  }

  private static let largestResponse = 1 << 20

  private func passing(_ response: Response, call: String) -> ServingError {
    var error = ServingError(
      kind: response.failure == .throttled ? .throttled : .unavailable, serverMessage: message(of: response),
      call: call)
    error.retryAfter = RetryAfter.duration(response.headers, secondsSince1970: timing.secondsSince1970())
    return error
  }

  private func message(of response: Response) -> String {
    let place = (response.headers["Location"] ?? "").prefix { $0 != "?" && $0 != "#" }
    let words = place.isEmpty ? TokenRefusal(body: response.body, isCut: response.isCut).text : "see \(place)"
    return "\(secrets.redact(words)) (HTTP \(response.status))"
  }

  /// The call in messages: only the path if the host is the target's own; never the query.
  private func call(_ request: HTTPRequest) -> String {
    let url = request.url.prefix { $0 != "?" }
    return "\(request.method) \(url.hasPrefix(target.url + "/") ? url.dropFirst(target.url.count) : url)"
  }

  // MARK: - Failures

  private func refusal(_ response: Response, _ attempt: Attempt, call: String) -> TokenFailure {
    let credentials = attempt.credentials
    let isRefused = response.failure != .unexpectedAnswer && response.failure != .unimplemented
    var advice: String
    switch credentials.proof {
    case .client:
      advice = "check the client ID and its secret (\(credentials.source)); secrets expire after at most two years"
    case .federation(let source, let clientID):
      let policy =
        clientID.map { "the federation policy of service principal \($0)" } ?? "the account's federation policy"
      advice = "check that \(policy) accepts \(source.name)\(claims(source, response))"
    case .token: advice = "check the token (\(credentials.source))"
    }
    if !isRefused { advice = "check that \(target.url) is the address of a workspace" }
    return failure(
      isRefused ? .unauthenticated : .unexpectedAnswer, message(of: response), attempt, call: call, advice: advice)
  }

  /// The claims of the exchanged token, if it can still be read.
  private func claims(_ source: IdentitySource, _ response: Response) -> String {
    let token: Secret? =
      switch source {
      case .environment(_, let secret): secret
      case .file(let path): (try? readFile(path)).map { Secret($0.trimmed) }
      case .github: nil
      }
    guard let token, let claims = IdentityClaims(token) else { return "" }
    let now = response.headers["Date"].flatMap(HTTPDate.secondsSince1970) ?? timing.secondsSince1970()
    let age = claims.expiry.map { now - $0 } ?? 0
    let ended = age > 0 ? "; it expired \(age) s ago" : ""
    return (claims.text.isEmpty ? "" : ": \(claims.text)") + ended
  }

  private func failure(
    _ kind: ServingError.Kind, _ words: String, _ attempt: Attempt, call: String, advice: String? = nil
  ) -> TokenFailure {
    let message = "no access token for \(attempt.credentials.whose): \(words)"
    var error = ServingError(kind: kind, serverMessage: secrets.redact(message), call: call, advice: advice)
    error.isAPIResponse = false
    return TokenFailure(error: error)
  }

  private func failure(_ trouble: ServingError, _ attempt: Attempt, tries: Int) -> TokenFailure {
    var failure = failure(trouble.kind, trouble.serverMessage, attempt, call: trouble.call).error
    failure.retryAfter = trouble.retryAfter
    failure.isUnreachable = trouble.isUnreachable
    failure.attempts = tries
    // Advice about the target does not apply to another host.
    failure.advice = trouble.call.contains("://") ? nil : Advice.text(for: failure, target: target)
    return TokenFailure(error: failure)
  }
}
