/// Formats a list as `3`, `3 and 2` or `3, 2 and 1`; a long one is cut, with the number of omitted words.
func listed(_ words: [String], most: Int = 8) -> String {
  guard words.count <= most else {
    return words.prefix(most).joined(separator: ", ") + " and \(words.count - most) more"
  }
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " and \(last)"
}
