package import Planning

/// A pause of a controller, for people.
package struct Pause: Hashable, Sendable {
  /// Why the controller is paused, in the user's words.
  package let reason: String
  /// What paused it: `the file /var/lib/setpoint/paused`, `POST /pause`.
  package let cause: String
  /// Nil: unknown.
  package let since: Timestamp?
  /// How to end it, as an imperative.
  package let remedy: String
  /// Whether a user gave the reason.
  package let isExplained: Bool

  package init(
    reason: String, cause: String, since: Timestamp? = nil, remedy: String, isExplained: Bool = true
  ) {
    self.reason = reason
    self.cause = cause
    self.since = since
    self.remedy = remedy
    self.isExplained = isExplained
  }

  /// The user's reason; empty if there is none.
  var why: String { isExplained ? reason : "" }

  /// The pause as a problem of the fleet: `paused since 2026-01-01T00:00:00Z by POST /pause: incident 4711; …`.
  var problem: String {
    let time = since.map { " since \($0.text())" } ?? ""
    return "\(Self.mark)\(time) by \(cause)\(LoggedReasons.joined(why)); to resume, \(remedy)"
  }

  private static let mark = "paused"

  /// Returns whether a problem of a fleet is a pause.
  static func isPause(_ problem: String) -> Bool {
    problem.hasPrefix("\(mark) since ") || problem.hasPrefix("\(mark) by ")
  }

  /// A pause of an earlier process that is no longer known.
  static let former = Pause(reason: "", cause: "an earlier pause", remedy: "", isExplained: false)
}
