import Durations
import HTTPSupport
import Scheduling

extension GatewayError {
  /// An error for a request beyond a rate limit of its endpoint.
  static func limited(_ refusal: RateLimitRefusal, endpoint: String) -> GatewayError {
    // Whole seconds, rounded up: whoever waits that long is not refused again.
    let seconds = max(1, Int((refusal.wait / Duration.seconds(1)).rounded(.up)))
    return GatewayError(
      429, "REQUEST_LIMIT_EXCEEDED", "rate_limit_error",
      "the endpoint \"\(endpoint)\" allows \(amount(refusal)) a minute \(refusal.scope.words); "
        + "retry in \(DurationText.text(seconds: Int64(seconds)))",
      retryAfter: seconds
    ).recorded(as: .rateLimit)
  }

  private static func amount(_ refusal: RateLimitRefusal) -> String {
    let word =
      switch refusal.unit {
      case .calls: "call"
      case .tokens: "token"
      }
    return "\(refusal.limit) \(word)\(refusal.limit == 1 ? "" : "s")"
  }
}

extension RateLimit.Scope {
  /// Whose calls the limit counts, after the number.
  fileprivate var words: String {
    switch self {
    case .endpoint: "for all callers together"
    case .eachPrincipal: "for each user"
    case .principal(let name): "for \"\(name)\""
    case .group(let name): "for the members of the group \"\(name)\" together"
    }
  }
}
