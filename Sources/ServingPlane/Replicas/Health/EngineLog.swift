/// Information extracted from vLLM's output.
///
/// A line is `(Worker pid=12) ERROR 11-21 22:50:24 [file.py:857] text`, with each part except the text optional; lines
/// of an engine's processes interleave (measured with vLLM 0.32).
struct EngineLog: Sendable {
  struct Line: Hashable, Sendable {
    /// `APIServer`, `EngineCore`, `Worker`, …; empty if the line has no prefix.
    let process: String
    /// `INFO`, `ERROR`, …; empty if there is none.
    let level: String
    /// The position in vLLM's source that logged it; all lines of one traceback share it.
    let source: String
    let text: String
  }

  let lines: [Line]

  /// - Parameter text: the end of the output; a truncated first line is harmless.
  init(_ text: String) {
    lines = text.split(whereSeparator: \.isNewline).map { Self.line(Self.withoutColours($0)) }
  }

  /// The lines of the first error block of a Worker, otherwise of an EngineCore: it names the cause, and every later
  /// block only reports that something failed.
  var firstEngineErrorBlock: [Line] {
    for process in ["Worker", "EngineCore"] {
      guard let start = lines.firstIndex(where: { $0.process.hasPrefix(process) && $0.level == "ERROR" }) else {
        continue
      }
      let head = lines[start]
      return lines[start...].filter {
        $0.process == head.process && $0.source == head.source && $0.level == head.level
      }
    }
    return []
  }

  /// The message of the last exception among the given lines; nil if there is none. An exception without its own
  /// message, such as `RuntimeError:` with the text in the lines below it, or a bare `AssertionError`, is shown with
  /// the lines that explain it.
  static func lastExceptionLine(in lines: some BidirectionalCollection<Line>) -> String? {
    let lines = Array(lines)
    var wordless: String?
    for (index, line) in lines.enumerated().reversed() where isException(line.text) && !isHollow(line.text) {
      guard isWordless(line.text) else { return line.text.trimming(" \t") }
      if let explained = explained(lines, index) { return explained }
      if wordless == nil { wordless = raised(lines, index) }
    }
    return wordless
  }

  /// An exception with the lines of its message that follow it; nil if none does.
  private static func explained(_ lines: [Line], _ index: Int) -> String? {
    let head = lines[index]
    var words: [String] = []
    for line in lines[(index + 1)...] where line.process == head.process && line.source == head.source {
      let text = line.text.trimming(" \t")
      if text.isEmpty {
        if words.isEmpty { continue } else { break }
      }
      if isException(line.text) || text.hasPrefix("Traceback") || text.hasSuffix("exception:") || isNoise(text) {
        break
      }
      words.append(text)
      if words.count == 4 { break }
    }
    return words.isEmpty ? nil : "\(head.text.trimming(" \t:")): \(words.joined(separator: " "))"
  }

  /// An exception with the line of code that raised it.
  private static func raised(_ lines: [Line], _ index: Int) -> String? {
    let head = lines[index]
    let name = head.text.trimming(" \t:")
    let code = lines[..<index].reversed().first { line in
      line.process == head.process && line.source == head.source && line.text.hasPrefix("    ")
        && !line.text.trimming(" \t^~").isEmpty
    }
    return code.map { "\(name), raised by: \($0.text.trimming(" \t"))" }
  }

  /// The last informative line: an error or a warning if there is one, otherwise the last line.
  var lastMeaningfulLine: String? {
    let telling = lines.reversed().filter { line in
      !line.text.trimming(" \t-=~^").isEmpty && !Self.isNoise(line.text) && !Self.isHollow(line.text)
        && !(Self.isException(line.text) && Self.isWordless(line.text))
    }
    let worst = telling.first { ["ERROR", "CRITICAL", "WARNING"].contains($0.level) }
    return (worst ?? telling.first)?.text.trimming(" \t")
  }

  private static func isException(_ text: String) -> Bool {
    if text.hasPrefix("  Value error, ") || text.contains(": error: ") || text.contains("No module named") {
      return true
    }
    let name = text.prefix { $0 != ":" }
    guard let last = name.split(separator: ".").last, name.utf8.allSatisfy({ $0 != 32 && $0 != 9 }) else {
      return false
    }
    return ["Error", "Exception", "Interrupt", "Exit"].contains { last.hasSuffix($0) }
  }

  /// Whether the line of an exception contains only its name.
  private static func isWordless(_ text: String) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return !text.trimming(" \t").contains(" ") }
    return String(text[text.index(after: colon)...]).trimming(" \t:").isEmpty
  }

  /// Whether a line is logged at every exit, and so explains none.
  private static func isNoise(_ text: String) -> Bool {
    ["nanobind", "resource_tracker", "it/s]", "leaked", "warnings.warn", "DeprecationWarning", "\" HTTP/1."]
      .contains { text.contains($0) }
  }

  /// Whether an exception says only that another one occurred.
  private static func isHollow(_ text: String) -> Bool {
    text.contains("Engine core initialization failed") || text.contains("See stack trace for root cause")
      || text.contains("validation error for") || text.contains("validation errors for")
  }

  private static func line(_ text: String) -> Line {
    var rest = text[...]
    var process = "", level = "", source = ""
    if rest.hasPrefix("("), let close = rest.firstIndex(of: ")"), rest[..<close].contains("pid=") {
      process = rest[..<close].dropFirst().split(separator: " ").first.map(String.init) ?? ""
      rest = rest[rest.index(after: close)...]
      if rest.hasPrefix(" ") { rest = rest.dropFirst() }
    }
    for word in ["INFO", "ERROR", "WARNING", "DEBUG", "CRITICAL"] where rest.hasPrefix(word + " ") {
      guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") else { break }
      level = word
      source = String(rest[open...close])
      rest = rest[rest.index(after: close)...]
      if rest.hasPrefix(" ") { rest = rest.dropFirst() }
    }
    return Line(process: process, level: level, source: source, text: String(rest))
  }

  private static func withoutColours(_ text: Substring) -> String {
    guard text.utf8.contains(0x1B) else { return text.trimming("\r") }
    return text.replacing(#/\u{1B}\[[0-9;]*m/#, with: "").trimming("\r")
  }
}
