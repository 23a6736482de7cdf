/// The side settings that the fleet's manifest set, as recorded in the endpoint's own tag: settings that the manifest
/// drops are removed, and others stay. A machine without history can read the tag too.
///
/// The tag's value is a list of words, such as `gateway.rateLimits,notifications,telemetry=0f3c9a11b2c4`: at most 110
/// characters of the 256 a value may have.
package struct ManagedSettings: Hashable, Sendable {
  package var parts: Set<Part>
  /// The first 12 hex digits of the digest of the telemetry that was applied last, because the provider does not report
  /// the tables' names; nil if it is claimed but not known to be applied.
  package var appliedTelemetry: String?
  /// The entries of a newer version, kept unchanged.
  private let unknown: [String]

  /// A part that is managed separately. The raw value is its word in the tag.
  package enum Part: String, Hashable, Sendable, CaseIterable {
    case rateLimits = "gateway.rateLimits"
    case usageTracking = "gateway.usageTracking"
    case inferenceTable = "gateway.inferenceTable"
    case notifications
    case telemetry
    case access
  }

  package init(_ parts: Set<Part> = [], appliedTelemetry: String? = nil) {
    self.parts = parts
    self.appliedTelemetry = appliedTelemetry
    unknown = []
  }

  /// Reads the endpoint's tags. An invalid value marks nothing, so that nothing is removed.
  package init(tags: [String: String]) {
    var parts: Set<Part> = []
    var unknown: [String] = []
    for word in (tags[FleetTags.manages] ?? "").split(separator: ",") {
      let (name, value) = Self.halves(word)
      if let part = Part(rawValue: name), value == nil || part == .telemetry {
        parts.insert(part)
        if let value, value.utf8.count == Self.digits { appliedTelemetry = value }
      } else {
        unknown.append(String(word))
      }
    }
    self.parts = parts
    self.unknown = unknown
  }

  /// The tag's value; nil if nothing is marked.
  package var value: String? {
    let words = Part.allCases.filter(parts.contains).map { part in
      part == .telemetry ? appliedTelemetry.map { "\(part.rawValue)=\($0)" } ?? part.rawValue : part.rawValue
    }
    var value = words.joined(separator: ",")
    for word in unknown where value.utf8.count + word.utf8.count < FleetTags.longestValue {
      value += value.isEmpty ? word : "," + word
    }
    return value.isEmpty ? nil : value
  }

  /// Returns a copy with other parts marked; the marks of a newer version stay.
  func marking(_ parts: Set<Part>, appliedTelemetry: String?) -> ManagedSettings {
    var copy = self
    copy.parts = parts
    copy.appliedTelemetry = parts.contains(.telemetry) ? appliedTelemetry : nil
    return copy
  }

  private static let digits = 12

  private static func halves(_ word: Substring) -> (name: String, value: String?) {
    guard let sign = word.firstIndex(of: "=") else { return (String(word), nil) }
    return (String(word[..<sign]), String(word[word.index(after: sign)...]))
  }
}
