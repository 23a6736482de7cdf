/// Which long reasons the log has said in whole, so that each is said once and referred to afterwards. Pure.
struct LoggedReasons: Sendable {
  /// The last of each endpoint, and of the whole fleet under "".
  private var last: [String: String] = [:]

  /// What is to be logged of a reason: in whole the first time, its beginning while it is the same.
  mutating func words(_ why: String, of name: String?) -> String {
    guard why.count > Self.longest else { return why }
    if let said = last[name ?? ""], said.contains(why) || why.hasSuffix(said) {
      let start = why.prefix(Self.longest - 20)
      return "\(start[..<(start.lastIndex(of: " ") ?? start.endIndex)])… (see above)"
    }
    last[name ?? ""] = why
    return why
  }

  mutating func forget(_ name: String) { last[name] = nil }

  /// A reason behind what it is the reason of.
  static func joined(_ words: String) -> String { words.isEmpty ? "" : ": \(words)" }

  /// So much is said again each time.
  private static let longest = 80
}
