#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Where a command writes: results to standard output, everything that is said to a person to standard error.
package struct Console: Sendable {
  private let writeOutput: @Sendable (String) throws -> Void
  private let writeNotes: @Sendable (String) -> Void
  /// Colours for standard output.
  package let outputPalette: Palette
  /// Colours for standard error.
  package let notesPalette: Palette
  /// Whether standard error is a terminal on which lines can be drawn anew.
  package let isLive: Bool
  /// The terminal's columns and rows.
  package let size: @Sendable () -> TerminalSize

  package init(
    writeOutput: @escaping @Sendable (String) throws -> Void, writeNotes: @escaping @Sendable (String) -> Void,
    outputPalette: Palette = .plain, notesPalette: Palette = .plain, isLive: Bool = false,
    size: @escaping @Sendable () -> TerminalSize = { TerminalSize(columns: 80, rows: 24) }
  ) {
    self.writeOutput = writeOutput
    self.writeNotes = writeNotes
    self.outputPalette = outputPalette
    self.notesPalette = notesPalette
    self.isLive = isLive
    self.size = size
  }

  /// Writes a line of a command's result.
  ///
  /// - Throws: ``OutputClosed`` when the reader has gone, as in `setpoint get | head -1`.
  package func result(_ line: String) throws { try writeOutput(line + "\n") }

  /// Writes a piece of a result as it comes, without a line break.
  package func resultPiece(_ text: String) throws { try writeOutput(text) }

  /// Writes a line for a person.
  package func note(_ line: String) { writeNotes(line + "\n") }

  /// Writes to standard error as it is: for lines that are drawn anew.
  package func notePiece(_ text: String) { writeNotes(text) }

  static func standard(environment: [String: String]) -> Console {
    let hasColourTerminal = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    return Console(
      writeOutput: { try writeAll($0, to: STDOUT_FILENO) },
      // Nobody can be told that standard error is gone, and the work goes on without it.
      writeNotes: { try? writeAll($0, to: STDERR_FILENO) },
      outputPalette: Palette(isColoured: hasColourTerminal && isatty(STDOUT_FILENO) == 1),
      notesPalette: Palette(isColoured: hasColourTerminal && isatty(STDERR_FILENO) == 1),
      isLive: isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb",
      size: terminalSize)
  }
}

/// The reader of standard output has gone away; there is nobody to write for.
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
