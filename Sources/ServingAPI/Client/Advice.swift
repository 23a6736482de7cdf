internal import Endpoints

/// What the user can do about a failure, if the server's message alone does not say it (serving-api.md 1.7, 4.5).
enum Advice {
  /// Returns advice for an error response, or nil if there is none worth a line.
  static func text(for error: ServingError, target: ProviderTarget) -> String? {
    if error.kind == .throttled { return byKind(error, target: target) }
    let known = KnownMessage.found(in: error.serverMessage)
    return (isChange(error.call) ? known?.advice : known?.remedy) ?? byKind(error, target: target)
  }

  /// Whether a call changes an endpoint's config or settings: the reconciler retries these, and no others.
  private static func isChange(_ call: String) -> Bool {
    !call.hasPrefix("GET ") && !call.hasPrefix("DELETE ") && call.contains(" /api/2.0/serving-endpoints")
  }

  /// Returns advice for a response that was cut off, whatever its announced length.
  static func cutAnswer(from target: ProviderTarget) -> String {
    "run the command again; if that fails too, look for a proxy that truncates responses from \(target.url)"
  }

  private static func byKind(_ error: ServingError, target: ProviderTarget) -> String? {
    switch error.kind {
    case .unauthenticated: rejected(error, target)
    case .permissionDenied: denied(error, target)
    case .conflict where error.call.hasSuffix("/config") || error.call.hasSuffix("/telemetry-config"):
      "the endpoint is being updated and accepts one change at a time; wait until the update finishes, then retry"
    case .network, .timeout: error.isUnreachable ? unreachable(target) : nil
    case .unexpectedAnswer:
      "this response is not from the serving API; check that \(target.url) is a workspace or a serving plane"
    case .untrustedServer:
      "check the address, and whether this machine trusts the authority that signed the server's certificate"
    case .throttled: "the server is rate-limiting requests; retry later"
    default: nil
    }
  }

  private static func rejected(_ error: ServingError, _ target: ProviderTarget) -> String {
    let source = "the token was rejected; it came from \(target.tokenSource)"
    guard target.isOnThisMachine, !target.isLocalPlane, target.tokenSource.hasPrefix("environment ") else {
      guard isOfPlane(error), !target.isLocalPlane else { return source }
      return "\(source); if it has expired or was revoked, ask an administrator of the plane for another one: "
        + "\"setpoint tokens create NAME --can query\""
    }
    return "\(source); set it to the contents of the plane's token file (DIR/token), or unset DATABRICKS_HOST and "
      + "DATABRICKS_TOKEN to use the plane on this machine"
  }

  private static func denied(_ error: ServingError, _ target: ProviderTarget) -> String {
    // A plane's own message says who can grant the permission.
    isOfPlane(error)
      ? "use another token, or ask an administrator of the plane; the token came from \(target.tokenSource)"
      : "the token's owner lacks permission for this; the token came from \(target.tokenSource)"
  }

  /// Whether the message is a plane's, about tokens.
  private static func isOfPlane(_ error: ServingError) -> Bool {
    ["this serving plane", "send \"Authorization: Bearer TOKEN\"", "setpoint tokens create"]
      .contains { error.serverMessage.contains($0) }
  }

  private static func unreachable(_ target: ProviderTarget) -> String {
    guard target.isLocalPlane else {
      return "\(target.url) does not respond; check the address (from \(target.source)), the network and the proxy"
    }
    return "the serving plane on this machine does not respond; start it with "
      + "\"\(target.startCommand ?? "setpoint serve --data DIR")\""
  }
}
