internal import CanonicalJSON
internal import FoundationEssentials
package import LibCurl
package import ServingAPI
internal import Synchronization

/// The front of a workspace that accepts OAuth tokens: it issues them, checks the token of each call, and expires them
/// by its own clock, which may differ from the caller's. Behind it answers whatever accepts the token
/// `dapi-secret-token`.
///
/// Every token that it issues, and every secret that it knows, contains ``mark``, so that a test can search for them.
package final class OAuthDouble: Sendable {
  /// How such a front behaves.
  package struct Behaviors: Sendable {
    /// The lifetime of a token, and the value of `expires_in`.
    package var lifetime: Duration = .seconds(3600)
    /// Whether responses contain `expires_in`.
    package var saysLifetime = true
    /// How far its clock is ahead of the caller's.
    package var skew: Duration = .zero
    /// The well-known documents, as JSON by path; all others are not found.
    package var documents: [String: String] = [:]
    /// Where tokens are issued, on any host.
    package var tokenPath = "/oidc/v1/token"
    /// How the refusal of a token is reported.
    package var refusal: ScriptedTransport.ScriptedResponse = .error(401, "UNAUTHENTICATED", "Invalid access token.")

    package init() {}
  }

  package static let mark = "sesame"
  package static let clientID = "4f1a-client"
  package static let clientSecret = "sesame:client secret/+%"
  /// What is accepted in exchange for a token.
  package static let identity = "sesame.identity.token"

  private struct State {
    var behaviors: Behaviors
    var requests: [HTTPRequest] = []
    var planned: [ScriptedTransport.ScriptedResponse] = []
    var ends: [String: Duration] = [:]
    var sold = 0
    var clientSecret = OAuthDouble.clientSecret
    var refused: Set<String> = []
  }

  private let state: Mutex<State>
  private let timing: TestTiming
  private let workspace: Transport

  package init(timing: TestTiming, behaviors: Behaviors = Behaviors(), before workspace: @escaping Transport) {
    self.timing = timing
    self.workspace = workspace
    state = Mutex(State(behaviors: behaviors))
  }

  /// The requests to the front itself: documents, tokens, identities.
  package var requests: [HTTPRequest] { state.withLock(\.requests) }
  /// How many tokens were issued.
  package var sold: Int { state.withLock(\.sold) }

  /// The responses to the next token requests.
  package func planTokenAnswers(_ answers: [ScriptedTransport.ScriptedResponse]) {
    state.withLock { $0.planned += answers }
  }

  /// Revokes every token that was issued so far.
  package func endAllTokens() { state.withLock { $0.ends = [:] } }

  /// Replaces the client's secret.
  package func changeClientSecret(to secret: String) { state.withLock { $0.clientSecret = secret } }

  /// Answers requests to the workspace, its token service, and GitHub's identity service.
  package var transport: Transport {
    { [self] request in
      let path = request.apiPath
      if request.url.contains("identity.example.com") { return await answer(identity(request), to: request) }
      if path.contains("/.well-known/") { return await answer(document(path, request), to: request) }
      if path == state.withLock(\.behaviors.tokenPath) { return try await sell(request) }
      guard isLetIn(request) else { return await answer(state.withLock(\.behaviors.refusal), to: request) }
      var request = request
      request.headers.removeAll { $0.name == "Authorization" }
      request.headers.append(HTTPField("Authorization", "Bearer dapi-secret-token"))
      return try await workspace(request)
    }
  }

  // MARK: - Calls

  private func isLetIn(_ request: HTTPRequest) -> Bool {
    let header = HTTPHeaders(request.headers)["Authorization"] ?? ""
    guard header.hasPrefix("Bearer ") else { return false }
    return state.withLock { state in
      state.ends[String(header.dropFirst(7))].map { timing.elapsed < $0 } ?? false
    }
  }

  // MARK: - Documents and identities

  private func document(_ path: String, _ request: HTTPRequest) -> ScriptedTransport.ScriptedResponse {
    state.withLock { state in
      state.requests.append(request)
      return state.behaviors.documents[path].map { .answer(status: 200, body: $0) }
        ?? .answer(status: 404, body: "<html><title>404</title></html>")
    }
  }

  private func identity(_ request: HTTPRequest) -> ScriptedTransport.ScriptedResponse {
    state.withLock { $0.requests.append(request) }
    guard HTTPHeaders(request.headers)["Authorization"] == "Bearer \(Self.mark)-job-token" else {
      return .answer(status: 403, body: #"{"message":"no \#(Self.mark)-job-token"}"#)
    }
    return .json(["value": .string(Self.identity)])
  }

  // MARK: - Tokens

  private func sell(_ request: HTTPRequest) async throws -> APIResponse {
    let planned = state.withLock { state in
      state.requests.append(request)
      return state.planned.isEmpty ? nil : state.planned.removeFirst()
    }
    if case .failure(let error) = planned { throw error }
    return await answer(planned ?? token(for: request), to: request)
  }

  private func token(for request: HTTPRequest) -> ScriptedTransport.ScriptedResponse {
    let form = Self.form(request)
    switch form["grant_type"] {
    case "client_credentials":
      guard isClient(request) else {
        return .json(["error": "invalid_client", "error_description": "Client authentication failed"], status: 401)
      }
    case "urn:ietf:params:oauth:grant-type:token-exchange":
      guard form["subject_token"] == Self.identity,
        form["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
      else {
        // The other form; some servers repeat what they were sent.
        let words = "no policy takes \(form["subject_token"] ?? "nothing")"
        return .json(["errorCode": "invalid_grant", "errorSummary": .string(words)], status: 400)
      }
    default: return .json(["error": "unsupported_grant_type"], status: 400)
    }
    guard form["scope"] == "all-apis" else { return .json(["error": "invalid_scope"], status: 400) }
    return state.withLock { state in
      state.sold += 1
      let token = "\(Self.mark)-access-token-\(state.sold)"
      state.ends[token] = timing.elapsed + state.behaviors.lifetime
      var members: [String: JSONValue] = ["access_token": .string(token), "token_type": "Bearer"]
      if state.behaviors.saysLifetime { members["expires_in"] = .int(state.behaviors.lifetime.components.seconds) }
      return .json(.object(members))
    }
  }

  /// The client's id and secret are each form-encoded and joined by a colon (RFC 6749, section 2.3.1).
  private func isClient(_ request: HTTPRequest) -> Bool {
    let header = HTTPHeaders(request.headers)["Authorization"] ?? ""
    guard header.hasPrefix("Basic "), let data = Data(base64Encoded: String(header.dropFirst(6))) else { return false }
    let parts = String(decoding: data, as: UTF8.self).split(separator: ":").map(Self.decoded)
    return parts == [Self.clientID, state.withLock(\.clientSecret)]
  }

  /// The fields of a posted form.
  package static func form(_ request: HTTPRequest) -> [String: String] {
    let pairs = String(decoding: request.body ?? [], as: UTF8.self).split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1).map(Self.decoded)
      return (parts.first ?? "", parts.count > 1 ? parts[1] : "")
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  // MARK: - Responses

  private func answer(_ answer: ScriptedTransport.ScriptedResponse, to request: HTTPRequest) async -> APIResponse {
    guard case .answer(let status, let headers, let body, _) = answer else {
      return APIResponse(status: 500, body: ByteStream([]))
    }
    let skew = state.withLock(\.behaviors.skew).components.seconds
    let date = HTTPField("Date", Self.date(timing.timing.secondsSince1970() + skew))
    return APIResponse(
      status: status, headers: HTTPHeaders(headers + [date]), effectiveURL: request.url,
      body: ByteStream([Array(body.utf8)]))
  }

  /// A date in the format of HTTP headers (RFC 9110, section 5.6.7).
  private static func date(_ seconds: Int64) -> String {
    let parts = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601).split { "-T:Z".contains($0) }
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int((seconds / 86_400) % 7)]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 6, let month = Int(parts[1]), (1...12).contains(month) else { return "" }
    return "\(weekday), \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
  }

  private static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
