/// Remembers long reasons, so that the log contains each once in full and refers to it afterwards. Pure.
struct LoggedReasons: Sendable {
  /// The last reason of each endpoint, and of the whole fleet under "".
  private var last: [String: String] = [:]

  /// Returns the text to log for a reason: all of it the first time, only its beginning while it is unchanged.
  mutating func text(_ why: String, of name: String?) -> String {
    guard why.count > Self.longest else { return why }
    if let said = last[name ?? ""], said.contains(why) || why.hasSuffix(said) {
      let start = why.prefix(Self.longest - 20)
      return "\(start[..<(start.lastIndex(of: " ") ?? start.endIndex)])… (see above)"
    }
    last[name ?? ""] = why
    return why
  }

  mutating func forget(_ name: String) { last[name] = nil }

  /// Formats a reason for appending to a message.
  static func joined(_ words: String) -> String { words.isEmpty ? "" : ": \(words)" }

  /// The longest text that is always repeated in full.
  private static let longest = 80
}
