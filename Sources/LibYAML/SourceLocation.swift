/// A file (or standard input) that YAML was read from. One object for all positions in it, so that a position stays small.
package final class SourceFile: Sendable, Hashable {
  /// The name as a person knows it: a path as given, or `-` for standard input.
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

/// A place in a file. Line and column count from 1; a column is one Unicode scalar, a tab included.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  package let source: SourceFile
  private let storedLine: UInt32
  private let storedColumn: UInt32

  package init(source: SourceFile, line: Int, column: Int) {
    self.source = source
    storedLine = UInt32(clamping: line)
    storedColumn = UInt32(clamping: column)
  }

  /// A location in a file named once. Where many locations share a file, share its `SourceFile` instead.
  package init(file: String, line: Int, column: Int) {
    self.init(source: SourceFile(file), line: line, column: column)
  }

  package var file: String { source.path }
  package var line: Int { Int(storedLine) }
  package var column: Int { Int(storedColumn) }

  /// `file:line:column`, the form that terminals and editors make clickable.
  package var description: String { "\(file):\(line):\(column)" }
}

extension SourceLocation: Comparable {
  /// By file name, then by position.
  package static func < (one: SourceLocation, other: SourceLocation) -> Bool {
    if one.source !== other.source, one.file != other.file { return one.file < other.file }
    return (one.storedLine, one.storedColumn) < (other.storedLine, other.storedColumn)
  }
}
