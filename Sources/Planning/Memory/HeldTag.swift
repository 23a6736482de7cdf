internal import Endpoints

/// The endpoint's tag that says what is held, so that every machine of the fleet knows it.
package enum HeldTag: Hashable, Sendable {
  case nothing
  case held(HeldConfig)
  /// The tag cannot be read, for this reason: it is damaged, or of a newer version. Nothing is sent then.
  case unreadable(String)

  package init(tags: [String: String]) {
    guard let text = tags[FleetTags.held] else {
      self = .nothing
      return
    }
    self = Self.decode(text)
  }

  package var held: HeldConfig? { if case .held(let held) = self { held } else { nil } }

  /// Returns the tag's value: `1:CAUSE:DIGEST:TARGET:CIRCUMSTANCES:STALLED` with `-` for nothing; at most 217 of 256
  /// characters, all of them letters, digits, colons and hyphens.
  package static func encode(_ held: HeldConfig) -> String {
    [
      "1", held.cause.rawValue, held.digest.hex, held.target?.hex ?? "-", held.circumstances?.hex ?? "-",
      held.isStalled ? "stalled" : "-",
    ].joined(separator: ":")
  }

  package static func decode(_ text: String) -> HeldTag {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.first == "1" else {
      let isNewer = parts.first.flatMap { Int($0) } ?? 0 > 1 && parts.count > 1
      return .unreadable(isNewer ? "it was written by a newer version of Setpoint" : "its format is unknown")
    }
    guard parts.count == 6, let cause = HeldConfig.Cause(rawValue: parts[1]), let digest = ConfigDigest(hex: parts[2]),
      let target = optional(parts[3]), let circumstances = optional(parts[4]), ["stalled", "-"].contains(parts[5])
    else { return .unreadable("it is damaged") }
    return .held(
      HeldConfig(
        digest: digest, cause: cause, target: target, circumstances: circumstances, isStalled: parts[5] == "stalled"))
  }

  /// Returns nil for anything that is neither a digest nor `-`.
  private static func optional(_ text: String) -> ConfigDigest?? {
    text == "-" ? .some(nil) : ConfigDigest(hex: text).map { .some($0) }
  }
}
