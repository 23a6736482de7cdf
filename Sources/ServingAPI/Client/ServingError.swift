internal import Endpoints

/// The reason why a call failed. Callers test ``kind``, never a text.
package struct ServingError: Error, Hashable, Sendable {
  /// The kind of failure.
  package enum Kind: String, Hashable, Sendable {
    case notFound, conflict, unauthenticated, permissionDenied, invalid, throttled, unavailable, internalError
    case unimplemented, cancelledByServer
    /// The server timed out (504), or this client did.
    case timeout
    /// No response: no connection, or one that broke.
    case network
    /// A response that is not JSON although JSON was expected, such as a login page, or JSON of another structure.
    case unexpectedAnswer
    /// No TLS connection could be made, or the server's certificate was not accepted.
    case untrustedServer
    /// Refused by this client; nothing was sent.
    case refusedLocally
  }

  package let kind: Kind
  /// The HTTP status; nil if there was no response.
  package let status: Int?
  /// The server's own code, such as `RESOURCE_CONFLICT`; it takes precedence over the status (serving-api.md 1.7).
  package let errorCode: String?
  /// The server's message unchanged, without secrets; libcurl's or our own if there was no response.
  package let serverMessage: String
  /// The call, such as `PUT /api/2.0/serving-endpoints/x/config`.
  package let call: String
  /// What the user can do about it.
  package var advice: String?
  /// How long the server asks clients to wait.
  package var retryAfter: Duration?
  /// Whether the server may have acted on the request although there is no response. Only an observation can then show
  /// it.
  package var outcomeUnknown = false
  /// How many times the call was sent.
  package var attempts = 1
  /// Whether no connection could be made at all.
  package var isUnreachable = false
  /// Whether the call's whole time ran out while the server was sending. It is not retried: it would take as long
  /// again.
  package var isOverTime = false
  /// Whether the response was the API's own, in JSON, and not a page of something in between.
  package var isAPIResponse = true

  package init(
    kind: Kind, status: Int? = nil, errorCode: String? = nil, serverMessage: String, call: String,
    advice: String? = nil, retryAfter: Duration? = nil, outcomeUnknown: Bool = false
  ) {
    self.kind = kind
    self.status = status
    self.errorCode = errorCode
    self.serverMessage = serverMessage
    self.call = call
    self.advice = advice
    self.retryAfter = retryAfter
    self.outcomeUnknown = outcomeUnknown
  }

  /// Whether the server does not have the call at all; a workspace, for example, has no replicas.
  package var isMissingCall: Bool { kind == .unimplemented || kind == .notFound }

  /// Whether the server does not know the path at all, as opposed to an object in it.
  package var isUnknownPath: Bool { errorCode == "ENDPOINT_NOT_FOUND" }

  /// Whether the API says that an object does not exist: the requested one, or one that the request names.
  package var namesMissingObject: Bool { kind == .notFound && isAPIResponse && !isUnknownPath }

  /// Whether this means that the requested object does not exist. Only a 404 of the API itself does: a proxy's 404
  /// page, a path that the server does not know, or a denied permission prove nothing (serving-api.md Q74).
  package var isAbsence: Bool { namesMissingObject && status == 404 }

  /// Whether a name is taken.
  package var isNameTaken: Bool { errorCode == "RESOURCE_ALREADY_EXISTS" }

  /// Whether the server responded that it failed: it may have acted on the request anyway.
  package var isServerFailure: Bool {
    status != nil && [.internalError, .unavailable, .timeout, .cancelledByServer].contains(kind)
  }
}

extension ServingError: CustomStringConvertible {
  package var description: String {
    let facts = [errorCode, status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
    let head = facts.isEmpty ? call : "\(call): \(facts)"
    let tries = attempts > 1 ? " (tried \(attempts) times)" : ""
    let words = tries.isEmpty && advice == nil ? serverMessage : serverMessage.clause
    // On one line: logs and events quote it.
    return "\(head): \(words)\(tries)" + (advice.map { "; \($0)" } ?? "")
  }
}
