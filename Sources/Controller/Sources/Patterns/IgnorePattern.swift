/// A pattern that excludes files, in git's syntax (gitignore(5)).
package struct IgnorePattern: Hashable, Sendable {
  /// `!`: includes again what an earlier pattern excluded.
  let isNegated: Bool
  private let isForDirectories: Bool
  private let segments: [Segment]

  private enum Segment: Hashable {
    /// `**`: any number of segments, including none.
    case anyDepth
    case name(SegmentGlob)
  }

  /// Parses one line; returns nil for a blank line and for a comment.
  package init?(_ line: some StringProtocol) {
    var text = Self.withoutTrailingSpaces(line)
    guard !text.isEmpty, text.first != "#" else { return nil }
    isNegated = text.first == "!"
    if isNegated { text.removeFirst() }
    isForDirectories = text.last == "/"
    while text.last == "/" { text.removeLast() }
    // A slash at the beginning or in the middle makes the pattern relative to its folder.
    let isBound = text.contains("/")
    let names = text.split(separator: "/").map(String.init)
    guard !names.isEmpty else { return nil }
    var segments: [Segment] = isBound ? [] : [.anyDepth]
    for (index, name) in names.enumerated() {
      guard name == "**", isBound else {
        segments.append(.name(SegmentGlob(name)))
        continue
      }
      // At the end, it matches everything inside, but not the folder itself.
      if index == names.count - 1 { segments.append(.name(SegmentGlob("*"))) }
      if segments.last != .anyDepth { segments.append(.anyDepth) }
    }
    self.segments = segments
  }

  /// Returns all patterns of a file, in its order.
  static func all(in text: String) -> [IgnorePattern] {
    let content = text.unicodeScalars.first == "\u{FEFF}" ? Substring(text.unicodeScalars.dropFirst()) : Substring(text)
    return content.split(whereSeparator: \.isNewline).compactMap { IgnorePattern($0) }
  }

  /// - Parameter path: the segments of a path, relative to the pattern's folder.
  func matches(_ path: ArraySlice<String>, isDirectory: Bool) -> Bool {
    guard isDirectory || !isForDirectories else { return false }
    var (segment, name) = (0, path.startIndex)
    // Where to continue if the rest does not match: one name later after the last `**`. Earlier ones need no retry.
    var retry: (segment: Int, name: Int)?
    while segment < segments.count || name < path.endIndex {
      if segment < segments.count {
        switch segments[segment] {
        case .anyDepth:
          retry = (segment + 1, name)
          segment += 1
          continue
        case .name(let glob) where name < path.endIndex && glob.matches(path[name]):
          segment += 1
          name += 1
          continue
        case .name: break
        }
      }
      guard let last = retry, last.name < path.endIndex else { return false }
      retry = (last.segment, last.name + 1)
      (segment, name) = (last.segment, last.name + 1)
    }
    return true
  }

  /// Removes trailing spaces, except after a backslash.
  private static func withoutTrailingSpaces(_ line: some StringProtocol) -> String {
    var text = String(line)
    while text.last == " " {
      let backslashes = text.dropLast().reversed().prefix { $0 == "\\" }.count
      if backslashes % 2 == 1 { break }
      text.removeLast()
    }
    return text
  }
}
