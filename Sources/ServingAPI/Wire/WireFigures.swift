package import CanonicalJSON

/// The response of `GET /api/setpoint/serving-endpoints/{name}/figures`, a plane's own call: figures of an endpoint over
/// time. Times are in milliseconds since 1970.
package struct WireFigures: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(from: Int64, to: Int64, stepSeconds: Int64, figures: [WireFigure]) {
    self.members = ["from": .int(from), "to": .int(to), "step_seconds": .int(stepSeconds)]
    self[list: "figures"] = figures
  }

  package static let fields: [String: WireField] = [
    "from": .number, "to": .number, "step_seconds": .number, "figures": .list(.object(WireFigure.self)),
  ]

  package var from: Int64? { self[number: "from"] }
  package var to: Int64? { self[number: "to"] }
  package var stepSeconds: Int64? { self[number: "step_seconds"] }
  package var figures: [WireFigure] { self[list: "figures"] ?? [] }
}

/// One figure, such as the latency.
package struct WireFigure: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(name: String, unit: String, series: [WireFigureSeries]) {
    self.members = ["name": .string(name), "unit": .string(unit)]
    self[list: "series"] = series
  }

  package static let fields: [String: WireField] = [
    "name": .text, "unit": .text, "series": .list(.object(WireFigureSeries.self)),
  ]

  package var name: String { self[text: "name"] ?? "" }
  /// Such as `ms`; empty for numbers.
  package var unit: String { self[text: "unit"] ?? "" }
  package var series: [WireFigureSeries] { self[list: "series"] ?? [] }
}

/// A part of a figure, such as a percentile, for one version.
package struct WireFigureSeries: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameter points: times and values; a value that is nil is a gap.
  package init(name: String, version: String?, points: [(time: Int64, value: Double?)]) {
    self.members = ["name": .string(name)]
    self[text: "version"] = version
    self.members["points"] = .array(
      points.map { point in .array([.int(point.time), point.value.map { JSONValue.double($0) } ?? .null]) })
  }

  package static let fields: [String: WireField] = [
    "name": .text, "version": .textOrNumber, "points": .list(.list(.any)),
  ]

  package var name: String { self[text: "name"] ?? "" }
  /// The version in the registry; nil if no version was involved.
  package var version: String? { self[textOrNumber: "version"] }
  /// Points without a time are left out.
  package var points: [(time: Int64, value: Double?)] {
    (members["points"]?.arrayValue ?? []).compactMap { point in
      guard let parts = point.arrayValue, let time = parts.first?.intValue else { return nil }
      return (time, parts.count > 1 ? parts[1].doubleValue : nil)
    }
  }
}
