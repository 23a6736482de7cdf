/// A file (or standard input) that YAML was read from. All positions in it share one object, so that a position is
/// small.
package final class SourceFile: Sendable, Hashable {
  /// The name for people: a path as given, or `-` for standard input.
  package let path: String

  package init(_ path: String) {
    self.path = path
  }

  package static func == (one: SourceFile, other: SourceFile) -> Bool {
    one === other || one.path == other.path
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(path)
  }
}

/// A position within one file. Line and column count from 1; a column is one Unicode scalar, including a tab. Line 0
/// stands for the file as a whole.
///
/// Each node has one, and its document names the file, so that thousands of positions need not each refer to it.
package struct SourceMark: Sendable, Hashable {
  private let storedLine: UInt32
  private let storedColumn: UInt32

  package init(line: Int, column: Int) {
    storedLine = UInt32(clamping: line)
    storedColumn = UInt32(clamping: column)
  }

  package var line: Int { Int(storedLine) }
  package var column: Int { Int(storedColumn) }
}

extension SourceMark: Comparable {
  package static func < (one: SourceMark, other: SourceMark) -> Bool {
    (one.storedLine, one.storedColumn) < (other.storedLine, other.storedColumn)
  }
}

/// A position in a file.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  package let source: SourceFile
  package let mark: SourceMark

  package init(source: SourceFile, mark: SourceMark) {
    self.source = source
    self.mark = mark
  }

  package init(source: SourceFile, line: Int, column: Int) {
    self.init(source: source, mark: SourceMark(line: line, column: column))
  }

  /// Creates a location in a file. If many locations share a file, share its `SourceFile` instead.
  package init(file: String, line: Int, column: Int) {
    self.init(source: SourceFile(file), line: line, column: column)
  }

  /// Creates the location of a whole file or directory, in which there is no position to show.
  package init(whole file: String) { self.init(file: file, line: 0, column: 0) }

  package var file: String { source.path }
  package var line: Int { mark.line }
  package var column: Int { mark.column }

  /// Whether it stands for the file as a whole.
  package var isWholeFile: Bool { line == 0 }

  /// `file:line:column`, the form that terminals and editors make clickable; only the file if it stands for all of it.
  package var description: String { isWholeFile ? file : "\(file):\(line):\(column)" }
}

extension SourceLocation: Comparable {
  /// Orders locations by file name, then by position.
  package static func < (one: SourceLocation, other: SourceLocation) -> Bool {
    if one.source !== other.source, one.file != other.file { return one.file < other.file }
    return one.mark < other.mark
  }
}
