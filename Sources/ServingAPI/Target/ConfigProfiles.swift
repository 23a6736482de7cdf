/// The profiles of a `.databrickscfg` file (serving-api.md 1.6).
struct ConfigProfiles: Equatable {
  /// Keys and values by profile name. A profile contains only its own section: nothing is inherited from `DEFAULT`
  /// (serving-api.md Q76).
  private(set) var profiles: [String: [String: String]] = [:]
  /// The `default_profile` of the reserved section `[__settings__]`.
  private(set) var defaultProfile: String?

  private static let settings = "__settings__"

  /// Parses the file's text.
  ///
  /// - Throws: `TargetError` with the line's number, but never its text, which may be a token.
  init(parsing text: String, path: String) throws(TargetError) {
    var section: String?
    let content = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
    for (index, line) in content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = String(line).trimmed
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      let place = "\(path):\(index + 1)"
      if line.hasPrefix("[") {
        guard line.hasSuffix("]"), line.count > 2 else {
          throw TargetError("\(place): a section must be written as [NAME]", advice: "correct the file")
        }
        let name = String(line.dropFirst().dropLast()).trimmed
        section = name
        if name != Self.settings { profiles[name, default: [:]] = profiles[name] ?? [:] }
      } else {
        guard let equals = line.firstIndex(of: "="), let section else {
          let reason = section == nil ? "a key before the first [PROFILE]" : "expected KEY = VALUE"
          throw TargetError("\(place): \(reason)", advice: "correct the file")
        }
        let key = String(line[..<equals]).trimmed.lowercased()
        set(key, to: String(line[line.index(after: equals)...]).trimmed, in: section)
      }
    }
  }

  private mutating func set(_ key: String, to value: String, in section: String) {
    guard !value.isEmpty else { return }
    if section != Self.settings {
      profiles[section, default: [:]][key] = value
    } else if key == "default_profile" {
      defaultProfile = value
    }
  }

  /// The sorted names.
  var names: [String] { profiles.keys.sorted() }
}
