internal import LibCurl

/// Recognizes the login page that a workspace returns to unauthenticated callers, with a 200 or a redirect, instead of
/// an API response (serving-api.md Q79). This is a denied permission; the request was not carried out.
enum LoginPage {
  /// Returns the failure that a response's head shows; nil if it shows none.
  static func failure(_ response: APIResponse, call: APICall, target: ProviderTarget) -> ServingError? {
    let places = [response.effectiveURL, response.headers["Location"] ?? ""]
    if places.contains(where: { $0.contains("error=private-link-validation-error") }) {
      return denied(
        response.status, "the workspace accepts requests only through its private link", call,
        advice: "run this from a network that the workspace's private link reaches")
    }
    guard let place = places.first(where: isLoginPath) else { return nil }
    let shown = place.prefix { $0 != "?" && $0 != "#" }
    return denied(
      response.status, "the server redirected the request to its login page, \(shown)", call, advice: advice(target))
  }

  /// Returns the failure that the body of a successful response shows; nil for anything but an HTML login page.
  static func failure(_ body: [UInt8], call: APICall, target: ProviderTarget) -> ServingError? {
    // The API returns JSON: the first character distinguishes it from a page.
    guard body.first(where: { !isBlank($0) }) == UInt8(ascii: "<") else { return nil }
    let page = String(decoding: body.prefix(64 << 10), as: UTF8.self).lowercased()
    guard page.contains("<html") || page.contains("<!doctype"), signs.contains(where: { page.contains($0) }) else {
      return nil
    }
    return denied(200, "the server returned its login page", call, advice: advice(target))
  }

  private static func isLoginPath(_ url: String) -> Bool {
    let path = url.prefix { $0 != "?" && $0 != "#" }.lowercased()
    return paths.contains { path.hasSuffix($0) || path.contains($0 + "/") }
  }

  private static let paths = [
    "/login.html", "/login", "/signin", "/sign-in", "/aad/auth", "/saml/consume", "/oauth2/authorize",
    "/oauth2/v2.0/authorize", "/oidc/v1/authorize",
  ]
  private static let signs = [
    "type=\"password\"", "type='password'", "sign in", "log in", "single sign-on", "/login.html", "<title>login",
  ]

  private static func advice(_ target: ProviderTarget) -> String {
    "check that \(target.url) is the workspace's own address and that this network is allowed to use its API; "
      + "the token came from \(target.tokenSource)"
  }

  private static func denied(_ status: Int, _ message: String, _ call: APICall, advice: String) -> ServingError {
    var error = ServingError(
      kind: .permissionDenied, status: status, serverMessage: message, call: call.description, advice: advice)
    error.isAPIResponse = false
    return error
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte) || byte == 0xEF || byte == 0xBB || byte == 0xBF
  }
}
