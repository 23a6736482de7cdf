package import CanonicalJSON
package import LibCurl

/// A client for one workspace or plane: adds address and token to a call, sends it, retries it if that helps, and
/// converts every failure to a ``ServingError``.
package struct ServingClient: Sendable {
  package let target: ProviderTarget
  private let tokens: TokenSource
  private let workspaceID: String?
  private let userAgent: String
  private let transport: Transport
  private let timing: Timing
  private let retryPolicy: RetryPolicy

  /// - Parameters:
  ///   - version: Setpoint's version, for the `User-Agent`.
  ///   - retryPolicy: nil uses the one for the target.
  package init(
    _ access: ProviderAccess, version: String, transport: @escaping Transport, timing: Timing = .system,
    retryPolicy: RetryPolicy? = nil
  ) {
    target = access.target
    workspaceID = access.workspaceID
    userAgent = "setpoint/\(version) auth/\(access.credentials.kind.rawValue)"
    self.transport = transport
    self.timing = timing
    self.retryPolicy = retryPolicy ?? RetryPolicy(for: access.target)
    tokens = TokenSource(
      access, userAgent: userAgent, transport: transport, timing: timing, retryPolicy: self.retryPolicy)
  }

  /// The largest response that is read completely.
  private static let largestResponse = 64 << 20
  private static let largestErrorResponse = 1 << 20

  /// Sends a call and returns its response's JSON; `.null` for an empty response.
  ///
  /// - Throws: `ServingError`; `CancellationError` if the task is canceled.
  package func json(_ call: APICall) async throws -> JSONValue { try await sizedJSON(call).json }

  private func sizedJSON(_ call: APICall) async throws -> (json: JSONValue, bytes: Int) {
    let bytes: [UInt8]
    do {
      bytes = try await retrying(call) { try await wholeBody(of: call) }
    } catch let failure as TokenFailure {
      throw failure.error
    }
    guard !bytes.isEmpty else { return (.null, 0) }
    do {
      return (try JSONValue(parsing: bytes), bytes.count)
    } catch {
      var failure = notJSON(call, bytes: bytes, reason: error.description)
      if error.endsTooEarly { failure.advice = Advice.cutAnswer(from: target) }
      throw failure
    }
  }

  /// Sends a call and returns its response as an object of the API.
  ///
  /// - Throws: `ServingError`; `CancellationError` if the task is canceled.
  package func object<Object: WireObject>(_ call: APICall, as type: Object.Type = Object.self) async throws -> Object {
    try await sizedObject(call, as: type).object
  }

  /// Sends a call and returns its response with its size in bytes.
  func sizedObject<Object: WireObject>(
    _ call: APICall, as type: Object.Type
  ) async throws -> (object: Object, bytes: Int) {
    let (json, bytes) = try await sizedJSON(call)
    guard let object = Object(json) else {
      throw notJSON(call, bytes: json.bytes(), reason: "expected an object")
    }
    return (object, bytes)
  }

  /// Sends a call once and returns any response, error statuses included, with its body unread.
  ///
  /// - Throws: `ServingError` if there is no response, or a redirect to the login page; `CancellationError` if the task
  ///   is canceled.
  package func response(to call: APICall) async throws -> APIResponse {
    do {
      return try await send(call)
    } catch let failure as TokenFailure {
      throw failure.error
    }
  }

  /// Reads the body of a response that ``response(to:)`` returned.
  ///
  /// - Throws: the errors of ``response(to:)``.
  package func body(of response: APIResponse, call: APICall) async throws -> [UInt8] {
    do {
      return try await response.collect(upTo: Self.largestResponse).bytes
    } catch {
      throw try failure(error, call: call)
    }
  }

  /// Returns the failure for an error that interrupted a body; the error itself if the task was canceled.
  package func streamFailure(_ error: any Error, call: APICall) -> any Error {
    do { return try failure(error, call: call) } catch { return error }
  }

  /// Returns the body of a host's public document; nil if there is none, or no response soon. Sent once, without
  /// credentials.
  func publicDocument(_ path: String) async -> [UInt8]? {
    let request = HTTPRequest(
      url: target.url + path, headers: [HTTPField("Accept", "application/json"), HTTPField("User-Agent", userAgent)],
      timeouts: HTTPTimeouts(connect: .seconds(5), idle: .seconds(5), total: .seconds(10)))
    guard let response = try? await transport(request), response.isSuccess,
      let answer = try? await response.collect(upTo: Self.largestErrorResponse), !answer.isCut
    else { return nil }
    return answer.bytes
  }

  /// The time by this client's clock.
  package func elapsed() -> Duration { timing.elapsed() }

  /// Returns the failure for an error response.
  package func failure(status: Int, headers: HTTPHeaders, body: [UInt8], call: APICall) -> ServingError {
    // Tokens are removed before a long text is cut: half a token must not be shown either.
    var answer = ErrorResponse(body: Array(tokens.secrets.redact(String(decoding: body, as: UTF8.self)).utf8))
    answer.message = redact(answer.message, call: call)
    let known =
      RefusedToken.isMeant(status: status, message: answer.message)
      ? .unauthenticated : ServingError.Kind(status: status, errorCode: answer.errorCode)
    var error = ServingError(
      kind: known, status: status, errorCode: answer.errorCode,
      serverMessage: answer.message.isEmpty ? "the server gave no reason (empty response)" : answer.message,
      call: call.description)
    error.isAPIResponse = answer.isJSON || answer.errorCode != nil
    error.retryAfter =
      RetryAfter.duration(headers, secondsSince1970: timing.secondsSince1970())
      ?? answer.retrySeconds.map { .seconds($0) }
    error.advice = Advice.text(for: error, target: target)
    return error
  }

  // MARK: - One try

  /// Sends a call once, and once more with another token if the first one is refused: a refused call was not carried
  /// out, whatever it is.
  ///
  /// - Throws: `ServingError`, ``TokenFailure``; `CancellationError` if the task is canceled.
  private func send(_ call: APICall) async throws -> APIResponse {
    let token = try await tokens.token()
    let (response, isRefused) = try await RefusedToken.check(try await tried(call, token)) {
      try failure($0, call: call)
    }
    let answer =
      isRefused && tokens.refused(token) ? try await tried(call, try await tokens.token()) : response
    if let denied = LoginPage.failure(answer, call: call, target: target) { throw denied }
    return answer
  }

  private func tried(_ call: APICall, _ token: Secret) async throws -> APIResponse {
    do {
      return try await transport(request(for: call, token))
    } catch {
      throw try failure(error, call: call)
    }
  }

  private func request(for call: APICall, _ token: Secret) -> HTTPRequest {
    var headers = [
      HTTPField("Authorization", "Bearer \(token.text)"), HTTPField("Accept", "application/json"),
      HTTPField("User-Agent", userAgent),
    ]
    if let workspaceID { headers.append(HTTPField("X-Databricks-Workspace-Id", workspaceID)) }
    if call.body != nil { headers.append(HTTPField("Content-Type", "application/json")) }
    headers += call.headers
    return HTTPRequest(
      method: call.method, url: target.requestURL + call.pathAndQuery, headers: headers, body: call.body?.bytes(),
      timeouts: call.timeouts, unixSocket: target.socket)
  }

  private func wholeBody(of call: APICall) async throws -> [UInt8] {
    let response = try await send(call)
    let isError = !response.isSuccess
    let (bytes, isCut): ([UInt8], Bool)
    do {
      (bytes, isCut) = try await response.collect(upTo: isError ? Self.largestErrorResponse : Self.largestResponse)
    } catch {
      throw try failure(error, call: call)
    }
    if ServingError.Kind.of(status: response.status) == .unexpectedAnswer { throw redirected(response, call: call) }
    if isError { throw failure(status: response.status, headers: response.headers, body: bytes, call: call) }
    if isCut { throw notJSON(call, bytes: [], reason: "more than \(Self.largestResponse >> 20) MB") }
    if let denied = LoginPage.failure(bytes, call: call, target: target) { throw denied }
    return bytes
  }

  private func redirected(_ response: APIResponse, call: APICall) -> ServingError {
    // Only the location's host and path: its query may carry a session.
    let place = (response.headers["Location"] ?? "").prefix { $0 != "?" && $0 != "#" }
    let message = place.isEmpty ? "the server redirected the request" : "the server redirected the request to \(place)"
    var error = ServingError(
      kind: .unexpectedAnswer, status: response.status, serverMessage: message, call: call.description)
    error.isAPIResponse = false
    error.advice = Advice.text(for: error, target: target)
    return error
  }

  private func notJSON(_ call: APICall, bytes: [UInt8], reason: String) -> ServingError {
    let words = redact(ErrorResponse(body: Array(bytes.prefix(64 << 10))).message, call: call).prefix(200)
    let quoted = words.isEmpty ? "" : "; the response begins: \(words)"
    var error = ServingError(
      kind: .unexpectedAnswer, status: 200,
      serverMessage: "unexpected response from the API (\(reason))\(quoted)",
      call: call.description, outcomeUnknown: call.method != "GET")
    error.isAPIResponse = false
    error.advice = Advice.text(for: error, target: target)
    return error
  }

  /// - Throws: `CancellationError` if the call was canceled.
  private func failure(_ error: any Error, call: APICall) throws -> ServingError {
    if let error = error as? ServingError { return error }
    var failure = try ServingError.noResponse(error, call: call.description, hasEffect: call.method != "GET") {
      redact($0, call: call)
    }
    failure.advice = Advice.text(for: failure, target: target)
    return failure
  }

  // MARK: - Several tries

  private func retrying<Result: Sendable>(
    _ call: APICall, _ body: () async throws -> Result
  ) async throws -> Result {
    let start = timing.elapsed()
    var attempt = 1
    while true {
      do {
        return try await body()
      } catch var error as ServingError {
        error.attempts = attempt
        let pause = retryPolicy.pause(
          after: error, mode: call.retries, attempt: attempt, elapsed: timing.elapsed() - start,
          jitter: timing.jitter())
        guard let pause else { throw error }
        try await timing.sleep(pause)
        attempt += 1
      }
    }
  }

  // MARK: - Secrets

  /// A server's message may repeat what was sent to it, by this client or by others.
  func redact(_ text: String, call: APICall) -> String { tokens.secrets.redact(text, and: call.secrets) }
}
