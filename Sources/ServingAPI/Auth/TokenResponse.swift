internal import CanonicalJSON
internal import FoundationEssentials
internal import LibCurl

/// An access token as issued by a token endpoint (RFC 6749, section 5.1).
struct TokenResponse: Equatable {
  let token: Secret
  /// Nil if the response does not say.
  let lifetime: Duration?

  /// - Returns: nil if the response contains no token.
  init?(body: [UInt8], headers: HTTPHeaders) {
    guard let json = try? JSONValue(parsing: body), let text = json["access_token"]?.stringValue, !text.isEmpty,
      // Anything else would be refused as a header, or could inject one.
      text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    token = Secret(text)
    // Some servers send the number as text.
    let seconds = json["expires_in"]?.doubleValue ?? json["expires_in"]?.stringValue.flatMap { Double($0) }
    if let seconds, seconds > 0, seconds < 1e9 {
      lifetime = .seconds(seconds)
    } else {
      lifetime = Self.lifetime(of: IdentityClaims(token), headers: headers)
    }
  }

  /// The remaining lifetime according to the token itself, by the clock of the server that issued it.
  private static func lifetime(of claims: IdentityClaims?, headers: HTTPHeaders) -> Duration? {
    guard let end = claims?.expiry, let now = headers["Date"].flatMap(HTTPDate.secondsSince1970) else { return nil }
    return .seconds(max(0, end - now))
  }
}

/// An error of a token endpoint, in either of its two formats (serving-api.md 1.6).
struct TokenRefusal: Equatable {
  /// Such as `invalid_client`; nil if the response gives none.
  let code: String?
  /// The server's message; empty if it only repeats the code.
  let message: String

  init(body: [UInt8], isCut: Bool) {
    let json = try? JSONValue(parsing: body)
    let code = json?["errorCode"]?.stringValue ?? json?["error"]?.stringValue
    let response = ErrorResponse(body: body, isCut: isCut)
    self.code = code ?? response.errorCode
    let message = json?["errorSummary"]?.stringValue ?? json?["error_description"]?.stringValue ?? response.message
    self.message = message == self.code ? "" : message
  }

  var text: String {
    let parts = [code, message.isEmpty ? nil : message].compactMap(\.self)
    return parts.isEmpty ? "the server gave no reason (empty response)" : parts.joined(separator: ": ")
  }
}

/// The claims of a JSON Web Token. They are read for messages and for the expiry, and prove nothing.
struct IdentityClaims: Equatable {
  var issuer: String?
  var subject: String?
  var audiences: [String] = []
  /// Seconds since 1970.
  var expiry: Int64?

  /// - Returns: nil if the text is not such a token.
  init?(_ token: Secret) {
    let parts = token.text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    var payload = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
    payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
    guard let data = Data(base64Encoded: payload), let json = try? JSONValue(parsing: Array(data)) else { return nil }
    issuer = json["iss"]?.stringValue
    subject = json["sub"]?.stringValue
    let audience = json["aud"]
    audiences = (audience?.arrayValue ?? [audience].compactMap(\.self)).compactMap(\.stringValue)
    expiry = json["exp"]?.intValue ?? json["exp"]?.doubleValue.flatMap { Int64(exactly: $0.rounded()) }
  }

  /// The claims in messages about a refused exchange; a federation policy compares these three.
  var text: String {
    [
      issuer.map { "issuer \($0)" }, audiences.isEmpty ? nil : "audience \(audiences.joined(separator: ", "))",
      subject.map { "subject \($0)" },
    ].compactMap(\.self).joined(separator: ", ")
  }
}
