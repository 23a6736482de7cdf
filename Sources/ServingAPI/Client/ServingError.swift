internal import Endpoints

/// Why a call brought no result. Callers test ``kind``, never a text.
package struct ServingError: Error, Hashable, Sendable {
  /// What kind of failure it was.
  package enum Kind: String, Hashable, Sendable {
    case notFound, conflict, unauthenticated, permissionDenied, invalid, throttled, unavailable, internalError
    case unimplemented, cancelledByServer
    /// The server gave up waiting (504), or this side did.
    case timeout
    /// No answer: no connection, or one that broke.
    case network
    /// An answer that is no JSON where JSON was due, such as a login page, or JSON of another shape.
    case unexpectedAnswer
    /// No TLS connection could be made, or the server's certificate was not accepted.
    case untrustedServer
    /// Refused on this side; nothing was sent.
    case refusedLocally
  }

  package let kind: Kind
  /// The HTTP status; nil where no answer came.
  package let status: Int?
  /// The server's own word, such as `RESOURCE_CONFLICT`; it outranks the status (serving-api.md 1.7).
  package let errorCode: String?
  /// The server's words as they came, with secrets cut out; libcurl's or our own where no answer came.
  package let serverMessage: String
  /// What was asked, such as `PUT /api/2.0/serving-endpoints/x/config`.
  package let call: String
  /// What a person can do about it.
  package var advice: String?
  /// How long the server asks to be left alone.
  package var retryAfter: Duration?
  /// Whether the server may have acted on the request although no answer says so. Then only a look can tell.
  package var outcomeUnknown = false
  /// How many times the call was sent.
  package var attempts = 1
  /// Whether no connection could be made at all.
  package var isUnreachable = false
  /// Whether the call's whole time ran out while the server was sending. It is not sent again: it would take as long.
  package var isOverTime = false
  /// Whether the answer was the API's own, in JSON, and not a page of something in between.
  package var isAPIAnswer = true

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

  /// Whether the server does not have the call at all, as a plane has no permissions.
  package var isMissingCall: Bool { kind == .unimplemented || kind == .notFound }

  /// Whether this says that the thing asked for is not there. Only a 404 of the API itself does: a 404 page of a proxy,
  /// a path the server does not know, or a refused permission prove nothing (serving-api.md Q74).
  package var isAbsence: Bool {
    kind == .notFound && status == 404 && isAPIAnswer && errorCode != "ENDPOINT_NOT_FOUND"
  }
}

extension ServingError: CustomStringConvertible {
  package var description: String {
    let facts = [errorCode, status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
    let head = facts.isEmpty ? call : "\(call): \(facts)"
    let tries = attempts > 1 ? " (tried \(attempts) times)" : ""
    let words = tries.isEmpty ? serverMessage : serverMessage.clause
    return "\(head): \(words)\(tries)" + (advice.map { "\n  \($0)" } ?? "")
  }
}
