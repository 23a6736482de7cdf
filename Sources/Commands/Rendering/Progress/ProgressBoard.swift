internal import Endpoints

/// The progress of `apply` for one endpoint.
package struct EndpointProgress: Hashable, Sendable {
  package enum Phase: Hashable, Sendable {
    /// Observed; nothing sent yet.
    case deciding
    /// A call is in flight.
    case sending
    /// The provider is executing the change.
    case waiting
    /// The new version is being verified.
    case verifying
    case done
    case held
    case failed

    fileprivate var mark: (text: String, style: TextStyle?) {
      switch self {
      case .deciding, .sending, .waiting, .verifying: ("·", .changed)
      case .done: ("✓", .good)
      case .held: ("!", .warning)
      case .failed: ("✗", .failed)
      }
    }

    package var isFinal: Bool {
      switch self {
      case .done, .held, .failed: true
      case .deciding, .sending, .waiting, .verifying: false
      }
    }
  }

  package let endpoint: String
  package let phase: Phase
  /// A short state: `updating`, `created`, `held (quarantined)`.
  package let state: String
  /// What it waits for, or why it ended.
  package let detail: String
  /// Whether the detail says how long it took, so that the line need not.
  package var namesTime = false

  package init(endpoint: String, phase: Phase, state: String, detail: String = "") {
    // Escaped here already, because lines are cut to a width.
    self.endpoint = Printable.line(endpoint)
    self.phase = phase
    self.state = state
    self.detail = Printable.line(detail.split(whereSeparator: \.isNewline).joined(separator: " "))
  }
}

/// The progress of all endpoints of one `apply`: a value that receives changes and returns the lines to show.
package struct ProgressBoard: Sendable {
  private struct Row: Sendable {
    var progress: EndpointProgress
    let began: Int64
    var ended: Int64?
    /// When each of its states was last printed, in milliseconds since 1970.
    var said: [EndpointProgress: Int64] = [:]
  }

  private var rows: [Row] = []
  /// When a line was last returned to be printed, in milliseconds since 1970.
  private var lastSaid: Int64 = 0

  /// The longest silence in milliseconds if lines are not redrawn and something is being waited for.
  package static let quiet: Int64 = 10_000
  /// The shortest time in milliseconds after which the same line is printed again.
  package static let repetition: Int64 = 15_000

  package init() {}

  /// Records a change at `now` (milliseconds since 1970).
  ///
  /// - Returns: the line to print if lines are not redrawn; nil if there is nothing new to print.
  package mutating func note(_ progress: EndpointProgress, now: Int64) -> String? {
    let line = change(progress, now: now)
    if line != nil { lastSaid = now }
    return line
  }

  private mutating func change(_ progress: EndpointProgress, now: Int64) -> String? {
    guard let index = rows.firstIndex(where: { $0.progress.endpoint == progress.endpoint }) else {
      rows.append(
        Row(progress: progress, began: now, ended: progress.phase.isFinal ? now : nil, said: [progress: now]))
      return Self.plainLine(progress, elapsed: 0)
    }
    let former = rows[index].progress
    rows[index].progress = progress
    rows[index].ended = progress.phase.isFinal ? now : nil
    guard former != progress else { return nil }
    // A call that is refused again and again alternates between the same two states.
    if !progress.phase.isFinal, let last = rows[index].said[progress], now - last < Self.repetition { return nil }
    rows[index].said[progress] = now
    return Self.plainLine(progress, elapsed: now - rows[index].began)
  }

  /// Returns one line for each endpoint, cut to the terminal's width. If there are more endpoints than rows, unfinished
  /// ones come first and the rest are counted.
  package func lines(now: Int64, size: TerminalSize, palette: Palette) -> [String] {
    let room = max(1, size.rows - 2)
    let shown =
      rows.count <= room ? rows[...] : (rows.filter { $0.ended == nil } + rows.filter { $0.ended != nil })[..<room]
    let nameWidth = shown.map(\.progress.endpoint.count).max() ?? 0
    let stateWidth = shown.map(\.progress.state.count).max() ?? 0
    var lines = shown.map { row in
      let progress = row.progress
      let elapsed = TimeText.span(seconds: ((row.ended ?? now) - row.began) / 1000)
      let text =
        "\(progress.endpoint.padded(to: nameWidth))  \(progress.state.padded(to: stateWidth))  "
        + "\(elapsed.padded(to: 6))  \(progress.detail)"
      let mark = palette.paint(progress.phase.mark.text, progress.phase.mark.style)
      return mark + " " + Self.cut(text.trimmedEnd, to: max(10, size.columns - 3))
    }
    if rows.count > shown.count { lines.append(palette.paint("  and \(rows.count - shown.count) more", .muted)) }
    return lines
  }

  /// Returns what is still being waited for if nothing was printed for ``quiet``; nil: nothing to print.
  package mutating func reminder(now: Int64) -> String? {
    let waiting = rows.filter { $0.ended == nil }
    guard let first = waiting.first, now - lastSaid >= Self.quiet else { return nil }
    lastSaid = now
    guard waiting.count > 1 else {
      let detail = first.progress.detail
      return
        "\(first.progress.endpoint): still \(first.progress.state.lowercased())\(detail.isEmpty ? "" : ": \(detail)") "
        + "(\(TimeText.span(seconds: (now - first.began) / 1000)))"
    }
    let named = waiting.prefix(5).map { row in
      "\(row.progress.endpoint) (\(row.progress.state.lowercased()), \(TimeText.span(seconds: (now - row.began) / 1000)))"
    }
    let rest = waiting.count > named.count ? ", and \(waiting.count - named.count) more" : ""
    return "still waiting for \(waiting.count) endpoints: \(named.joined(separator: ", "))\(rest)"
  }

  private static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : "\(String(text.prefix(width - 1)).trimmedEnd)…"
  }

  /// The unfinished endpoints, in the order in which they started.
  package var unfinished: [EndpointProgress] { rows.filter { $0.ended == nil }.map(\.progress) }

  private static func plainLine(_ progress: EndpointProgress, elapsed: Int64) -> String {
    var line = "\(progress.endpoint): \(progress.state)"
    if !progress.detail.isEmpty { line += ": \(progress.detail)" }
    if elapsed >= 1000, !progress.namesTime { line += " (\(TimeText.span(seconds: elapsed / 1000)))" }
    return line
  }
}

extension String {
  /// Returns the text padded with blanks to a width.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  fileprivate var trimmedEnd: String {
    guard let last = lastIndex(where: { $0 != " " }) else { return "" }
    return String(self[...last])
  }
}
