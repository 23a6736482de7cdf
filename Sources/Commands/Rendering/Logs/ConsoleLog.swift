internal import Endpoints
internal import Logging
internal import ServingAPI

/// Log lines on standard error: time, level if above info, message, and metadata.
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
    var facts = metadata.merging(event.metadata ?? [:]) { $1 }
    if let error = event.error { facts["error"] = "\(error.systemMessage)" }
    let told = Self.inOrder(facts).map { " \($0)=\(Self.quoted(console.suggestions.completed(Self.text($1))))" }
      .joined()
    let level = event.level == .info ? "" : "\(event.level.rawValue): "
    let style: TextStyle? = event.level >= .error ? .failed : event.level == .warning ? .warning : nil
    let palette = console.notesPalette
    console.note(
      "\(TimeText.instant(now())) \(palette.paint(level, style))\(event.message)\(palette.paint(told, .muted))"
    )
  }

  /// Orders metadata: the subject first, identifiers that relate it to others last, and the rest by name.
  private static func inOrder(_ facts: Logger.Metadata) -> [(String, Logger.Metadata.Value)] {
    let rank = ["endpoint": 0, "commit": 2, "reconcile": 3]
    return facts.sorted { (rank[$0.key] ?? 1, $0.key) < (rank[$1.key] ?? 1, $1.key) }
  }

  /// Formats a list as `a,b`, and nested metadata as `a=1,b=2`.
  private static func text(_ value: Logger.Metadata.Value) -> String {
    switch value {
    case .string(let text): text
    case .stringConvertible(let value): "\(value)"
    case .array(let items): items.map(text).joined(separator: ",")
    case .dictionary(let members):
      members.sorted { $0.key < $1.key }.map { "\($0)=\(text($1))" }.joined(separator: ",")
    }
  }

  /// Quotes a value that contains blanks or quotation marks, so that metadata can be told apart.
  private static func quoted(_ text: String) -> String {
    let line = Printable.line(text)
    guard line.isEmpty || line.contains(where: { $0 == " " || $0 == "\"" }) else { return line }
    return "\"\(line.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\""))\""
  }
}
