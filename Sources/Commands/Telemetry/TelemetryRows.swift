internal import CanonicalJSON
internal import Endpoints

/// Rows of telemetry under the names of their columns, in the forms in which commands print them.
struct TelemetryRows {
  let columns: [String]
  /// Each with a value for each column.
  let rows: [[JSONValue]]

  /// The characters of a table's cell. A stored body has up to a million.
  private static let widest = 200

  init(columns: [String], rows: [[JSONValue]]) {
    self.columns = columns
    self.rows = rows
  }

  /// Rows of objects with these members.
  init(columns: [String], objects: [[String: JSONValue]]) {
    self.init(columns: columns, rows: objects.map { object in columns.map { object[$0] ?? .null } })
  }

  /// The lines of a table, without control characters.
  var table: [String] {
    var table = Table(columns)
    for row in rows { table.append(row.map { Table.Cell(Self.shortened(Self.text($0) ?? "null")) }) }
    return table.lines()
  }

  /// An array of objects. A name that several columns have gets a number from its second column on.
  var json: JSONValue {
    let keys = distinctColumns
    return .array(
      rows.map { row in .object(Dictionary(zip(keys, row).map { ($0, $1) }, uniquingKeysWith: { first, _ in first })) })
  }

  /// The rows as comma-separated values (RFC 4180), with the names of the columns first. Null is an empty value, an
  /// empty text is `""`.
  ///
  /// - Parameter lineEnd: what RFC 4180 has is CR and LF.
  func csv(lineEnd: String = "\r\n") -> String {
    var lines = [columns.map { Self.quoted($0) }]
    for row in rows { lines.append(row.map { value in Self.text(value).map { Self.quoted($0) } ?? "" }) }
    return lines.map { $0.joined(separator: ",") + lineEnd }.joined()
  }

  private var distinctColumns: [String] {
    var taken = Set(columns)
    var seen: Set<String> = []
    return columns.map { column in
      guard !seen.insert(column).inserted else { return column }
      var number = 2
      while !taken.insert("\(column)_\(number)").inserted { number += 1 }
      return "\(column)_\(number)"
    }
  }

  /// Nil for null.
  private static func text(_ value: JSONValue) -> String? { value.isNull ? nil : value.stringValue ?? value.text() }

  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > widest, text.count > widest else { return text }
    return String(text.prefix(widest - 1)) + "…"
  }

  private static func quoted(_ text: String) -> String {
    guard text.isEmpty || text.utf8.contains(where: { Self.special.contains($0) }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// A value with one of these characters needs quotes.
  private static let special = Set("\",\r\n".utf8)
}

extension Console {
  /// Writes rows as a result.
  func rows(_ rows: TelemetryRows, _ format: RowFormat) throws {
    switch format {
    // The cells are escaped already. They are data, in which no suggested command is completed.
    case .table: try document(rows.table.map { $0 + "\n" }.joined())
    case .json: try json(rows.json)
    case .csv: try stream(rows.csv(lineEnd: isOutputTerminal ? "\n" : "\r\n"))
    }
  }
}
