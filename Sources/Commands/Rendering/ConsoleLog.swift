internal import Logging

/// Log lines on standard error: time, level where it is more than information, what happened, and its facts.
struct ConsoleLog: LogHandler {
  let console: Console
  let now: @Sendable () -> Int64
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      .map { " \($0.key)=\(Self.quoted("\($0.value)"))" }.joined()
    let level = event.level == .info ? "" : "\(event.level.rawValue): "
    let tone: Tone? = event.level >= .error ? .failed : event.level == .warning ? .warning : nil
    let palette = console.notesPalette
    console.note(
      "\(TimeText.instant(now())) \(palette.paint(level, tone))\(event.message)\(palette.paint(facts, .muted))")
  }

  /// A value with blanks stands in quotes, so that the facts can be told apart; line breaks stay inside of the line.
  private static func quoted(_ text: String) -> String {
    let line = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).joined(separator: "\\n")
    return line.contains(" ") || line.isEmpty ? "\"\(line)\"" : line
  }
}
