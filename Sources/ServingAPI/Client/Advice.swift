/// What a person can do about a failure, where the server's words alone do not say it (contract 1.7, 4.5).
enum Advice {
  /// Advice for an error answer, or nil where there is none worth a line.
  static func text(for error: ServingError, target: ProviderTarget) -> String? {
    byMessage(error.serverMessage) ?? byKind(error, target: target)
  }

  private static func byMessage(_ message: String) -> String? {
    let message = message.lowercased()
    return known.first { phrases, _ in phrases.allSatisfy(message.contains) }?.1
  }

  private static let known: [([String], String)] = [
    (
      ["entrypoint", "not supported"],
      "custom LLM serving is not enabled in this workspace; an admin turns it on under Previews"
    ),
    (
      ["workload", "size", "not supported"],
      "where the list of choices is empty, the workspace's region or enrolment lacks this hardware; "
        + "otherwise choose a workloadType and size it names"
    ),
    (["more than 15 elements"], "an endpoint holds at most 15 served entities; split it into several endpoints"),
    (
      ["cannot create 2+ served entities"],
      "two served entities have the same model and version; give each model version once"
    ),
    (
      ["not eligible for provisioned throughput"],
      "this model is served by model units, which Setpoint does not manage yet"
    ),
  ]

  private static func byKind(_ error: ServingError, target: ProviderTarget) -> String? {
    switch error.kind {
    case .unauthenticated: "the token was not accepted; it came from \(target.tokenSource)"
    case .permissionDenied: "the token's owner lacks the right to do this; the token came from \(target.tokenSource)"
    case .conflict where error.call.hasSuffix("/config"):
      "the endpoint is being updated and takes one change at a time; wait until that has ended, then try again"
    case .network, .timeout: error.isUnreachable ? unreachable(target) : nil
    case .unexpectedAnswer:
      "this is not an answer of the serving API; check that \(target.url) is a workspace or a serving plane"
    case .untrustedServer:
      "check the address, and whether this machine trusts the authority that signed the server's certificate"
    case .throttled: "the server limits how often it is asked; try again later"
    default: nil
    }
  }

  private static func unreachable(_ target: ProviderTarget) -> String {
    target.isLocalPlane
      ? "the serving plane on this machine does not answer; start it with `setpoint serve`"
      : "\(target.url) does not answer; check the address (from \(target.source)), the network and the proxy"
  }
}
