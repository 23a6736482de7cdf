package import CanonicalJSON

/// The rows of a query.
package struct SQLResult: Hashable, Sendable {
  /// The names of the columns, in the order of the values in ``rows``.
  package var columns: [String]
  /// A value is null, an integer, a number or a text; bytes are a text of hexadecimal digits.
  package var rows: [[JSONValue]]
  /// Whether there are more rows than the limits allow.
  package var isTruncated: Bool

  package init(columns: [String], rows: [[JSONValue]], isTruncated: Bool) {
    self.columns = columns
    self.rows = rows
    self.isTruncated = isTruncated
  }
}

/// Why a query has no result.
package struct SQLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The reason, as callers tell them apart.
  package enum Kind: String, Hashable, Sendable {
    /// It is not valid SQL, or names what does not exist.
    case syntax
    /// It would change something.
    case readOnly
    /// There is more than one statement.
    case severalStatements
    /// It took longer than its time limit.
    case timeout
    /// Too many other queries are waiting.
    case busy
    /// It was canceled, or the file could not be read.
    case failed
  }

  /// A place in the statement. Both numbers begin at 1; columns are characters.
  package struct Position: Hashable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
      self.line = line
      self.column = column
    }
  }

  package let kind: Kind
  /// With the position, if there is one.
  package let message: String
  /// Where in the statement; nil if SQLite does not say.
  package let position: Position?

  package init(_ kind: Kind, _ message: String, at position: Position? = nil) {
    self.kind = kind
    self.position = position
    self.message = position.map { "line \($0.line), column \($0.column): \(message)" } ?? message
  }

  package var description: String { message }
}
