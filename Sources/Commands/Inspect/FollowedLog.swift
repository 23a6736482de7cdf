/// Finds the new lines in a log of which each reading shows only the last lines.
package struct FollowedLog: Sendable {
  private var seen: [Substring] = []

  package init() {}

  /// Returns the lines that previous readings did not show. An incomplete last line is held back until it ends, unless
  /// it is the whole first reading.
  package mutating func newLines(in text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    let overlap = overlap(with: lines)
    seen = lines
    return lines[overlap...].map { String($0) }
  }

  /// The number of lines, counted from the first, that match the end of the previous reading: the longest such run.
  private func overlap(with lines: [Substring]) -> Int {
    for start in seen.indices where seen.count - start <= lines.count {
      let tail = seen[start...]
      if tail.elementsEqual(lines.prefix(tail.count)) { return tail.count }
    }
    return 0
  }
}
