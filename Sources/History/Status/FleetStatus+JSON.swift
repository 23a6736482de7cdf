package import CanonicalJSON
internal import Endpoints
internal import Planning

extension FleetStatus {
  /// The output of `setpoint status -o json` and of a controller's `GET /status`. Empty members are omitted; times are
  /// RFC 3339.
  package var json: JSONValue {
    .object(present: [
      "kind": "FleetStatus", "fleet": .string(fleet), "target": .string(target),
      "lastSync": lastSync.map { .string($0.exactText) },
      "intervalSeconds": report.interval.map { .double($0 / .seconds(1)) },
      "commit": report.commit.map { .string($0) },
      "mode": report.mode.map { .string($0) },
      "startWords": report.startArguments.isEmpty ? nil : .array(report.startArguments.map { .string($0) }),
      "problems": report.problems.isEmpty ? nil : .array(report.problems.map { .string($0) }),
      "stoppedAt": report.stoppedAt.map { .string($0.exactText) },
      "controllerRunning": isControllerRunning.map { .bool($0) },
      "summary": .object(
        Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, .int(Int64($0.value))) })),
      "endpoints": .array(endpoints.map(\.json)),
    ])
  }

  /// Reads the output of ``json``; members and words from a later version are ignored.
  ///
  /// - Throws: ``UnreadableStatus`` if a member is missing or has another type.
  package init(json: JSONValue) throws(UnreadableStatus) {
    let reader = StatusReader(json, "the status")
    var endpoints: [EndpointStatus] = []
    for item in json["endpoints"]?.arrayValue ?? [] { endpoints.append(try EndpointStatus(json: item)) }
    self.init(
      fleet: try reader.text("fleet"), target: try reader.text("target"), lastSync: try reader.optionalTime("lastSync"),
      report: FleetReport(
        interval: json["intervalSeconds"]?.doubleValue.map { .seconds($0) }, commit: json["commit"]?.stringValue,
        problems: reader.texts("problems"), stoppedAt: try reader.optionalTime("stoppedAt"),
        mode: json["mode"]?.stringValue, startArguments: reader.texts("startWords")),
      endpoints: endpoints, isControllerRunning: json["controllerRunning"]?.boolValue)
  }
}

extension EndpointStatus {
  /// One item of a fleet's ``FleetStatus/json``.
  package var json: JSONValue {
    .object(present: [
      "name": .string(name), "desired": desired.map { .string($0) },
      "desiredDigest": desiredDigest.map { .string($0.hex) }, "live": live.map { .string($0) },
      "differences": differences.isEmpty ? nil : .array(differences.map { .string($0) }),
      "phase": .string(phase.rawValue), "reason": reason.map { .string($0.rawValue) }, "why": .string(why),
      "since": .string(since.exactText), "next": next.map { .string($0) },
      "nextAt": nextAt.map { .string($0.exactText) }, "commit": commit.map { .string($0) },
      "lastLook": .string(lastCheck.exactText), "needsPerson": .bool(needsPerson),
      "warnings": warnings.isEmpty ? nil : .array(warnings.map { .string($0) }),
    ])
  }

  package init(json: JSONValue) throws(UnreadableStatus) {
    let name = try StatusReader(json, "an endpoint's status").text("name")
    let reader = StatusReader(json, "the status of \(name)")
    self.init(
      name: name, desired: json["desired"]?.stringValue,
      desiredDigest: json["desiredDigest"]?.stringValue.flatMap(ConfigDigest.init(hex:)),
      live: json["live"]?.stringValue, differences: reader.texts("differences"),
      phase: Phase(rawValue: try reader.text("phase")) ?? .unknown,
      reason: json["reason"]?.stringValue.flatMap(Reason.Code.init(rawValue:)), why: try reader.text("why"),
      since: try reader.time("since"), next: json["next"]?.stringValue, nextAt: try reader.optionalTime("nextAt"),
      commit: json["commit"]?.stringValue, lastCheck: try reader.time("lastLook"), warnings: reader.texts("warnings"))
  }
}

/// The error for a document that is not a status.
package struct UnreadableStatus: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
}

private struct StatusReader {
  let json: JSONValue
  let subject: String

  init(_ json: JSONValue, _ subject: String) {
    self.json = json
    self.subject = subject
  }

  func text(_ key: String) throws(UnreadableStatus) -> String {
    guard let text = json[key]?.stringValue else {
      throw UnreadableStatus(description: "\(subject) has no \(key)")
    }
    return text
  }

  func texts(_ key: String) -> [String] { (json[key]?.arrayValue ?? []).compactMap(\.stringValue) }

  func time(_ key: String) throws(UnreadableStatus) -> Timestamp {
    guard let time = Timestamp(exactText: try text(key)) else {
      throw UnreadableStatus(description: "\(subject) has a \(key) that is not a valid time")
    }
    return time
  }

  func optionalTime(_ key: String) throws(UnreadableStatus) -> Timestamp? {
    json[key] == nil ? nil : try time(key)
  }
}
