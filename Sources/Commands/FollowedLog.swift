/// Tells what is new in a log of which each reading shows the last lines only.
package struct FollowedLog: Sendable {
  private var seen: [Substring] = []

  package init() {}

  /// The lines that the former readings did not show. A last line that is not ended is not shown until it is, unless it is
  /// all that comes with a first reading.
  package mutating func news(in text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    let overlap = overlap(with: lines)
    seen = lines
    return lines[overlap...].map { String($0) }
  }

  /// How many of the lines, from the first, are the last ones that were seen: the longest such run.
  private func overlap(with lines: [Substring]) -> Int {
    for start in seen.indices where seen.count - start <= lines.count {
      let tail = seen[start...]
      if tail.elementsEqual(lines.prefix(tail.count)) { return tail.count }
    }
    return 0
  }
}
