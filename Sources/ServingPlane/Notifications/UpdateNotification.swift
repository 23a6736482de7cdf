import CanonicalJSON
import Endpoints
import LibCurl

/// The news that an update of an endpoint's config has ended.
struct UpdateNotification: Hashable, Sendable {
  let endpoint: String
  /// The version of the config.
  let version: Int64
  /// Why it failed, with the served entity that did; nil if it succeeded.
  let failure: String?
  /// Milliseconds since 1970.
  let at: Int64
  /// The name of the plane's machine.
  let host: String

  /// The news if an update to a config has ended; nil if it is still in progress, or was replaced.
  init?(of config: PlaneConfig, in record: EndpointRecord, at: Int64, host: String) {
    switch record.update {
    case .failed(let failed, let entity, let reason) where failed.version == config.version:
      failure = "\(entity): \(reason)"
    case .none where record.active?.version == config.version: failure = nil
    case .none, .inProgress, .failed: return nil
    }
    endpoint = record.name
    version = config.version
    self.at = at
    self.host = host
  }

  private var what: String {
    "the update to config version \(version) \(failure == nil ? "succeeded" : "failed")"
  }

  /// The time as RFC 3339 in UTC.
  private var time: String {
    func padded(_ number: Int64, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
    }
    let (days, second) = (max(0, at) / 86_400_000, max(0, at) / 1000 % 86_400)
    let date = GregorianDate(daysSince1970: days)
    let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
    return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T\(clock)Z"
  }

  /// The body for a webhook, with the names that the controller's notifications have.
  var body: JSONValue {
    [
      "kind": failure == nil ? "success" : "failure", "endpoint": .string(endpoint), "what": .string(what),
      "why": .string(Self.bounded(failure ?? "")), "config_version": .int(version), "at": .string(time),
      "host": .string(host),
    ]
  }

  /// The message for an email address.
  func mail(to address: MailAddress, from sender: MailAddress, id: String) -> MailMessage {
    var lines = ["Endpoint \(endpoint) on \(host): \(what).", "", "Time: \(time)"]
    if let failure {
      lines += ["Reason: \(Self.bounded(failure))", "", "\"setpoint describe \(endpoint)\" shows more."]
    }
    return MailMessage(
      from: sender, to: address, subject: "\(endpoint): \(what)", text: lines.joined(separator: "\n") + "\n",
      secondsSince1970: at / 1000, id: id)
  }

  /// Receivers refuse long texts (Slack: more than 3,000 characters in a block).
  private static func bounded(_ text: String) -> String {
    let start = text.prefix(2000)
    return start.endIndex == text.endIndex ? text : start.dropLast() + "…"
  }
}
