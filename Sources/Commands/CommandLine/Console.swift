package import CanonicalJSON
internal import Endpoints

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The output of a command: results go to standard output, messages for the user to standard error.
///
/// All text leaves through this type. Until here a line is data: everything that names, tags, descriptions, servers and
/// logs put into it is escaped, line breaks included, so that it can neither control a terminal nor forge a line
/// (``Endpoints/Printable``). Output for programs is written unchanged.
package struct Console: Sendable {
  private let writeOutput: @Sendable (String) throws -> Void
  private let writeNotes: @Sendable (String) -> Void
  /// Colors for standard output.
  package let outputPalette: Palette
  /// Colors for standard error.
  package let notesPalette: Palette
  /// Whether standard error is a terminal on which lines can be redrawn.
  package let isLive: Bool
  /// Whether standard output is a terminal.
  package let isOutputTerminal: Bool
  /// Whether standard output and standard error go to the same place and are read as one text.
  package let isOneStream: Bool
  /// The terminal's columns and rows.
  package let size: @Sendable () -> TerminalSize
  /// What suggested commands need so that they work as printed.
  var suggestions = SuggestedCommands()

  package init(
    writeOutput: @escaping @Sendable (String) throws -> Void, writeNotes: @escaping @Sendable (String) -> Void,
    outputPalette: Palette = .plain, notesPalette: Palette = .plain, isLive: Bool = false,
    isOutputTerminal: Bool = false, isOneStream: Bool = false,
    size: @escaping @Sendable () -> TerminalSize = { TerminalSize(columns: 80, rows: 24) }
  ) {
    self.writeOutput = writeOutput
    self.writeNotes = writeNotes
    self.outputPalette = outputPalette
    self.notesPalette = notesPalette
    self.isLive = isLive
    self.isOutputTerminal = isOutputTerminal
    self.isOneStream = isOneStream
    self.size = size
  }

  // MARK: - For people

  /// Writes a line of a command's result.
  ///
  /// - Throws: ``OutputClosed`` if the reader has closed the pipe, as in `setpoint get | head -1`.
  package func result(_ line: String) throws {
    try writeOutput(outputPalette.printed(suggestions.completed(line)) + "\n")
  }

  /// Writes a piece of a model server's output as it arrives. Control characters are escaped on a terminal; a file or a
  /// pipe receives every byte.
  package func stream(_ text: String) throws { try writeOutput(isOutputTerminal ? Printable.stream(text) : text) }

  /// Writes a line for the user.
  package func note(_ line: String) { writeNotes(notesPalette.printed(suggestions.completed(line)) + "\n") }

  /// Redraws lines for the user in place of the last `count` lines; only on a live terminal.
  package func redraw(_ lines: [String], over count: Int) {
    // ECMA-48: CPL moves up, ED clears from there. Written in one piece, so that no half-drawn screen is visible.
    let erasure = count == 0 ? "" : "\u{1B}[\(count)F\u{1B}[J"
    writeNotes(erasure + lines.map { notesPalette.printed($0) + "\n" }.joined())
  }

  // MARK: - For programs

  /// Writes a JSON document as a result; in the compact style, one document per line.
  package func json(_ document: JSONValue, _ style: JSONStyle = .pretty) throws {
    try writeOutput(Printable.json(document.text(style)) + "\n")
  }

  /// Writes a text for a program, such as a manifest or a completion script, unchanged.
  package func document(_ text: String) throws { try writeOutput(text) }

  /// Writes a line of JSON to standard error.
  package func jsonNote(_ line: String) { writeNotes(Printable.json(line) + "\n") }

  static func standard(environment: [String: String]) -> Console {
    let hasColourTerminal = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    return Console(
      writeOutput: { try writeAll($0, to: STDOUT_FILENO) },
      // A closed standard error cannot be reported anywhere; the command continues without it.
      writeNotes: { try? writeAll($0, to: STDERR_FILENO) },
      outputPalette: Palette(isColoured: hasColourTerminal && isatty(STDOUT_FILENO) == 1),
      notesPalette: Palette(isColoured: hasColourTerminal && isatty(STDERR_FILENO) == 1),
      isLive: isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb",
      isOutputTerminal: isatty(STDOUT_FILENO) == 1, isOneStream: areOneFile(STDOUT_FILENO, STDERR_FILENO),
      size: terminalSize)
  }

  /// Returns a copy of the console that calls a closure on each write.
  func telling(_ written: @escaping @Sendable () -> Void) -> Console {
    let (writeOutput, writeNotes) = (writeOutput, writeNotes)
    var copy = Console(
      writeOutput: { text in
        written()
        try writeOutput(text)
      },
      writeNotes: { text in
        written()
        writeNotes(text)
      }, outputPalette: outputPalette, notesPalette: notesPalette, isLive: isLive, isOutputTerminal: isOutputTerminal,
      isOneStream: isOneStream, size: size)
    copy.suggestions = suggestions
    return copy
  }
}

/// The reader of standard output has closed the pipe.
package struct OutputClosed: Error {}

/// A terminal's size in characters.
package struct TerminalSize: Hashable, Sendable {
  package let columns: Int
  package let rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }
}

private func terminalSize() -> TerminalSize {
  var size = winsize()
  guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
    return TerminalSize(columns: 80, rows: 24)
  }
  return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
}

/// Whether two descriptors refer to the same terminal, pipe or file.
private func areOneFile(_ one: Int32, _ other: Int32) -> Bool {
  var (first, second) = (stat(), stat())
  guard fstat(one, &first) == 0, fstat(other, &second) == 0 else { return false }
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino
}

private func writeAll(_ text: String, to descriptor: Int32) throws {
  var text = text
  try text.withUTF8 { bytes in
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = write(descriptor, rest.base.baseAddress?.advanced(by: rest.startIndex), rest.count)
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        throw OutputClosed()
      }
    }
  }
}
