internal import Endpoints
internal import ServingAPI

/// Why a plane refuses a statement, with the place in it.
struct StatementError {
  /// What is wrong, without the place.
  let message: String
  /// The number of the line and of the character in it, from 1; nil if the plane does not say where.
  let position: (line: Int, column: Int)?

  /// The characters of the line that are shown.
  private static let width = 100

  /// - Parameter message: the plane's: `line 1, column 8: no such column: stauts`.
  init(_ message: String) {
    let parts = message.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let words = parts[0].split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, words.count == 4, words[0] == "line", words[1].last == ",", words[2] == "column",
      let line = Int(words[1].dropLast()), let column = Int(words[3]), line > 0, column > 0
    else {
      self.message = message
      position = nil
      return
    }
    self.message = String(parts[1].drop { $0 == " " })
    position = (line, column)
  }

  /// The line of the statement, and one with a caret under the place.
  func lines(of statement: String) -> [String] {
    guard let position else { return [] }
    let lines = statement.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard position.line <= lines.count else { return [] }
    let line = lines[position.line - 1]
    let place = min(position.column - 1, line.count)
    // The part of a long line around the place.
    let start = line.count > Self.width ? max(0, min(place - Self.width / 2, line.count - Self.width)) : 0
    let shown = line.dropFirst(start).prefix(Self.width)
    let (before, after) = (shown.prefix(place - start), shown.dropFirst(place - start))
    // What is invisible is escaped, and then takes more columns.
    let head = (start > 0 ? "…" : "") + Printable.line(String(before))
    let tail = Printable.line(String(after)) + (start + shown.count < line.count ? "…" : "")
    return [head + tail, String(repeating: " ", count: head.count) + "^"]
  }

  /// - Parameter statement: the one that was sent.
  func report(of statement: String, call: String) -> ErrorReport {
    let lines = lines(of: statement)
    let number = position.map { " (line \($0.line), column \($0.column))" } ?? ""
    return ErrorReport(
      "the plane refused the statement\(number)", place: lines.isEmpty ? call : lines.joined(separator: "\n"),
      why: message,
      next:
        "docs/telemetry.md describes the tables; \"setpoint sql 'PRAGMA table_info(requests)'\" lists the columns of "
        + "one")
  }
}
