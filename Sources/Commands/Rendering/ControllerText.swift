internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning

/// A controller's last report on one endpoint, for `describe` and `get`.
enum ControllerText {
  /// Returns a section of `describe`.
  static func lines(_ fleet: FleetStatus, _ status: EndpointStatus, now: Timestamp, _ palette: Palette) -> [String] {
    var fields = [
      ("Phase", palette.paint(status.standing, status.phase.style) + ", since \(status.since.text())"),
      ("Why", why(status)), ("Desired", status.desired ?? ""), ("Next", StatusText.next(status, of: fleet, now) ?? ""),
      ("Commit", status.commit ?? ""),
    ]
    fields += status.warnings.map { ("Warning", $0) }
    let age = fleet.lastSync.map {
      ", last heartbeat \(TimeText.age(milliseconds: now.milliseconds - $0.milliseconds)) ago"
    }
    let title = palette.paint("Controller of fleet \(fleet.fleet)\(age ?? "")", .strong)
    let doubt = StatusText.silence(fleet, now).map { [palette.paint("  \($0)", .warning)] } ?? []
    return [title] + doubt + fields.filter { !$0.1.isEmpty }.map { "  \("\($0.0):".padded(to: 9))\($0.1)" }
  }

  /// Returns the member `controllers` of `describe -o json`.
  static func json(_ statuses: [(fleet: FleetStatus, status: EndpointStatus)], now: Timestamp) -> JSONValue {
    .array(
      statuses.map { fleet, status in
        // Without a controller, there is no next step.
        let shown = fleet.isCurrent(at: now) ? status : status.withoutNext
        var members: [String: JSONValue] = ["fleet": .string(fleet.fleet), "status": shown.json]
        if let isRunning = fleet.isControllerRunning { members["controllerRunning"] = .bool(isRunning) }
        return .object(members)
      })
  }

  /// Returns the reason; for an endpoint without a manifest, with the command that deletes it.
  private static func why(_ status: EndpointStatus) -> String {
    guard status.staysWithoutManifest, let reason = status.reason, let next = Reason(reason).next(for: status.name)
    else { return status.why }
    return "\(status.why.clause); \(next)"
  }
}

extension EndpointStatus {
  /// The phase, and for a hold its kind.
  var standing: String {
    if isDeleted { return "does not exist" }
    guard phase == .held, let reason else { return phase.text }
    return "\(phase.text) (\(reason.rawValue))"
  }
}
