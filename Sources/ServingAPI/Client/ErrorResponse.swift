internal import CanonicalJSON

/// The parsed body of an error response, in any of the API's formats (serving-api.md 1.7).
struct ErrorResponse: Equatable {
  var errorCode: String?
  /// The server's message; empty if it gave none.
  var message: String
  /// The pause that `details` ask for.
  var retrySeconds: Double?
  var isJSON: Bool

  /// Parses a body. `isCut`: the body is truncated.
  init(body: [UInt8], isCut: Bool = false) {
    if let json = try? JSONValue(parsing: body), let object = json.objectValue {
      self.init(object)
    } else {
      self.init(text: String(decoding: body, as: UTF8.self), isCut: isCut)
    }
  }

  private init(_ object: [String: JSONValue]) {
    let json = JSONValue.object(object)
    // `error` is a text in the oldest API and an object on the query paths (OpenAI's format).
    let nested = json["error"]?.objectValue.map { JSONValue.object($0) }
    let scimType = json["scimType"]?.stringValue
    let texts = [
      json["message"], nested?["message"], json["detail"], json["error_description"], json["errorSummary"],
      json["error"],
    ]
    message = texts.lazy.compactMap { $0?.stringValue }.first { !$0.isEmpty } ?? (object.isEmpty ? "" : json.text())
    if let scimType, !scimType.isEmpty { message = "\(scimType): \(message)" }
    let codes = [json["error_code"], json["errorCode"], nested?["code"], nested?["type"]]
    errorCode = codes.lazy.compactMap { $0?.stringValue ?? $0?.intValue.map(String.init) }.first { !$0.isEmpty }
    retrySeconds = json["details"]?.arrayValue?.lazy.compactMap(Self.retrySeconds).first
    isJSON = true
  }

  private init(text: String, isCut: Bool) {
    isJSON = false
    let text = text.trimmed
    if let page = Self.htmlMessage(text) {
      message = page
    } else if let colon = text.firstIndex(of: ":"), Self.isCode(text[..<colon]) {
      errorCode = String(text[..<colon])
      message = String(text[text.index(after: colon)...]).trimmed
    } else {
      message = text
    }
    let longest = 2000
    if isCut || message.count > longest { message = String(message.prefix(longest)) + " …" }
  }

  /// Whether the text is a code such as `RESOURCE_DOES_NOT_EXIST`.
  private static func isCode(_ text: Substring) -> Bool {
    text.count > 2 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x5F || (0x30...0x39).contains($0) }
  }

  /// Returns the text of an HTML page: its `<pre>`, else its `<title>`, else a description; nil if the text is not
  /// HTML.
  private static func htmlMessage(_ text: String) -> String? {
    let start = text.prefix(200).lowercased()
    guard start.hasPrefix("<!doctype") || start.hasPrefix("<html") || start.contains("<head") else { return nil }
    return inside("pre", of: text) ?? inside("title", of: text) ?? "an HTML page without a title"
  }

  private static func inside(_ tag: String, of text: String) -> String? {
    let lowered = text.lowercased()
    // Lower-casing preserves the offsets of ASCII; a page where it does not is read without its message.
    guard lowered.utf8.count == text.utf8.count, let open = lowered.firstRange(of: "<\(tag)"),
      let openEnd = lowered[open.upperBound...].firstIndex(of: ">"),
      let close = lowered[openEnd...].firstRange(of: "</\(tag)>")
    else { return nil }
    let offset = { (index: String.Index) in lowered.utf8.distance(from: lowered.startIndex, to: index) }
    let bytes = Array(text.utf8)[(offset(openEnd) + 1)..<offset(close.lowerBound)]
    let words = String(decoding: bytes, as: UTF8.self).trimmed
    return words.isEmpty ? nil : words
  }

  /// Reads `google.rpc.RetryInfo` from the details: `{"@type": "…RetryInfo", "retry_delay": "5s"}`.
  private static func retrySeconds(_ detail: JSONValue) -> Double? {
    guard detail["@type"]?.stringValue?.hasSuffix("RetryInfo") == true,
      let delay = (detail["retry_delay"] ?? detail["retryDelay"])?.stringValue, delay.hasSuffix("s"),
      let seconds = Double(delay.dropLast()), seconds >= 0, seconds.isFinite
    else { return nil }
    return min(seconds, 86_400)
  }
}

extension ServingError.Kind {
  /// Creates the kind of an error response: by its code if that is known, else by the status (serving-api.md 1.7).
  init(status: Int, errorCode: String?) {
    self = errorCode.flatMap { Self.byCode[$0] } ?? Self.byStatus(status)
  }

  /// Returns the kind of failure that a status means; nil if it means success.
  package static func of(status: Int) -> ServingError.Kind? {
    (200..<300).contains(status) ? nil : byStatus(status)
  }

  /// Whether the failure says nothing about the request: the same request may succeed later.
  var mayPass: Bool {
    switch self {
    case .throttled, .unavailable, .timeout, .internalError, .cancelledByServer, .network: true
    case .notFound, .conflict, .unauthenticated, .permissionDenied, .invalid, .unimplemented, .unexpectedAnswer,
      .untrustedServer, .refusedLocally:
      false
    }
  }

  private static let byCode: [String: ServingError.Kind] = [
    "INVALID_PARAMETER_VALUE": .invalid, "INVALID_STATE": .invalid, "BAD_REQUEST": .invalid,
    "MALFORMED_REQUEST": .invalid, "UNAUTHENTICATED": .unauthenticated, "PERMISSION_DENIED": .permissionDenied,
    "NOT_FOUND": .notFound, "RESOURCE_DOES_NOT_EXIST": .notFound, "ENDPOINT_NOT_FOUND": .notFound,
    "RESOURCE_CONFLICT": .conflict, "ABORTED": .conflict, "ALREADY_EXISTS": .conflict,
    "RESOURCE_ALREADY_EXISTS": .conflict, "RESOURCE_EXHAUSTED": .throttled, "REQUEST_LIMIT_EXCEEDED": .throttled,
    "CANCELLED": .cancelledByServer, "UNKNOWN": .internalError, "DATA_LOSS": .internalError,
    "INTERNAL": .internalError, "INTERNAL_ERROR": .internalError, "NOT_IMPLEMENTED": .unimplemented,
    "UNIMPLEMENTED": .unimplemented, "TEMPORARILY_UNAVAILABLE": .unavailable, "UNAVAILABLE": .unavailable,
    "DEADLINE_EXCEEDED": .timeout,
  ]

  private static func byStatus(_ status: Int) -> ServingError.Kind {
    switch status {
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .notFound
    case 409: .conflict
    case 408, 504: .timeout
    case 429: .throttled
    case 499: .cancelledByServer
    case 501: .unimplemented
    case 425, 503: .unavailable
    case 400..<500: .invalid
    case 500...: .internalError
    default: .unexpectedAnswer
    }
  }
}

extension String {
  /// The text without leading and trailing whitespace.
  var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
      return ""
    }
    return String(self[first...last])
  }
}
