package import CanonicalJSON
package import Endpoints

/// A serving plane's forecast for a config. The call is a plane's own; a workspace does not have it.
package struct WireRolloutForecast: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "refusal": .text, "fails_at_once": .flag, "room": .text, "last_start_ms": .number,
  ]

  package init(_ forecast: RolloutForecast) {
    self.init()
    self[text: "refusal"] = forecast.refusal
    if forecast.failsAtOnce { self[flag: "fails_at_once"] = true }
    self[text: "room"] = forecast.room?.rawValue
    self[number: "last_start_ms"] = forecast.lastStart.map { Int64($0 / .milliseconds(1)) }
  }

  /// The forecast. A kind of room that this version does not know is unknown.
  package var forecast: RolloutForecast {
    RolloutForecast(
      refusal: self[text: "refusal"], failsAtOnce: self[flag: "fails_at_once"] ?? false,
      room: self[text: "room"].flatMap { RolloutForecast.Room(rawValue: $0) },
      lastStart: self[number: "last_start_ms"].map { .milliseconds($0) })
  }
}
