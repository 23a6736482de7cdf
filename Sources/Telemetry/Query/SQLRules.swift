internal import GRDB

extension SQLText {
  private static let reading: Set<String> = ["SELECT", "WITH", "VALUES"]
  private static let writing: Set<String> = [
    "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "ATTACH", "DETACH", "VACUUM", "REINDEX",
    "ANALYZE", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA",
  ]
  private static let pragmas: Set<String> = ["table_info", "table_xinfo", "table_list", "index_list", "index_info"]

  /// Refuses what is empty, more than one statement, or known to change something.
  func check() throws(SQLError) {
    guard let first = tokens.first else { throw SQLError(.syntax, "the statement is empty") }
    if let null = text.firstIndex(of: "\0") {
      throw SQLError(.syntax, "the statement contains a NUL character", at: position(null))
    }
    if let end = tokens.firstIndex(where: { $0.text == ";" }),
      let next = tokens[end...].first(where: { $0.text != ";" })
    {
      throw SQLError(
        .severalStatements, "only one statement is allowed; send the second one by itself", at: position(next.start))
    }
    if Self.writing.contains(verb), !isReading {
      throw SQLError.writing(first.text.uppercased(), at: position(first.start))
    }
  }

  /// Whether it begins as a statement that only reads.
  var isReading: Bool {
    if let pragma { return Self.pragmas.contains(pragma) && !tokens.contains { $0.text == "=" } }
    guard isExplanation else { return Self.reading.contains(verb) }
    let explained = tokens.dropFirst().first { !["QUERY", "PLAN"].contains($0.text.uppercased()) }
    return explained.map { Self.reading.contains($0.text.uppercased()) } ?? false
  }

  var isExplanation: Bool { verb == "EXPLAIN" }

  /// Compiles the statement. Errors have their place.
  func compile(_ database: Database) throws -> Statement {
    let statement: Statement
    do {
      statement = try database.makeStatement(sql: text)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR {
      let words = error.message ?? "\(error.resultCode)"
      throw SQLError(.syntax, words, at: place(of: words, database))
    }
    guard isReading, isExplanation || statement.isReadonly else {
      throw SQLError.writing(Self.reading.contains(verb) ? "a statement that changes rows" : verb, at: nil)
    }
    do { try statement.validateArguments([]) } catch {
      let mark = tokens.first { "?:@$".contains($0.text.first ?? " ") }
      throw SQLError(
        .syntax, "the statement has parameters; write the values into it", at: mark.map { position($0.start) })
    }
    return statement
  }

  /// Where the words of an error of SQLite's point to.
  private func place(of words: String, _ database: Database) -> SQLError.Position? {
    if words.hasPrefix("incomplete input") { return position(text.endIndex) }
    if words.hasPrefix("near \""), let word = Self.quoted(words) { return placeOfNear(word, database) }
    if words.hasPrefix("unrecognized token: \""), let word = Self.quoted(words) {
      return tokens.first { $0.text.hasPrefix(word) || word.hasPrefix($0.text) }.map { position($0.start) }
    }
    // Such as "no such column: requests.stauts": the name is the end of the message.
    guard let colon = words.lastIndex(of: ":") else { return nil }
    let name = words[colon...].dropFirst(2).split(separator: ".").last?.lowercased()
    return tokens.first { Self.unquoted($0.text).lowercased() == name }.map { position($0.start) }
  }

  /// The word may occur several times. The error is at the first one up to which the statement has the same error.
  private func placeOfNear(_ word: Substring, _ database: Database) -> SQLError.Position? {
    let candidates = tokens.filter { $0.text == word }
    let found = candidates.prefix(50).first { token in
      do {
        _ = try database.makeStatement(sql: String(text[..<token.end]))
        return false
      } catch {
        return (error as? DatabaseError)?.message?.hasPrefix("near \"\(word)\"") == true
      }
    }
    let place = found ?? candidates.first ?? tokens.first { word.hasPrefix($0.text) }
    return place.map { position($0.start) }
  }

  /// The part between the first and the last quote.
  private static func quoted(_ words: String) -> Substring? {
    guard let first = words.firstIndex(of: "\""), let last = words.lastIndex(of: "\""), first < last else { return nil }
    return words[words.index(after: first)..<last]
  }

  private static func unquoted(_ token: Substring) -> Substring {
    guard token.count > 2, let first = token.first, "\"`[".contains(first) else { return token }
    return token.dropFirst().dropLast()
  }
}

extension SQLError {
  static func writing(_ verb: String, at position: Position?) -> SQLError {
    SQLError(
      .readOnly, "\(verb) is not allowed: telemetry can only be read, with SELECT, WITH, VALUES or EXPLAIN",
      at: position)
  }
}
