/// What can be used instead of a name or number that was not found.
package enum Choices {
  /// Formats it as a next step: `use 3`, `use one of 3, 2, 1`; a long list is cut, with the number of omitted words.
  package static func advice(_ words: [String], most: Int = 20) -> String {
    guard words.count > 1 else { return "use \(words.first ?? "another one")" }
    let more = words.count > most ? " and \(words.count - most) more" : ""
    return "use one of \(words.prefix(most).joined(separator: ", "))\(more)"
  }
}
