/// `3`, `3 and 2`, `3, 2 and 1`; of many only the first, and that there are more.
func listed(_ words: [String], most: Int = 8) -> String {
  guard words.count <= most else {
    return words.prefix(most).joined(separator: ", ") + " and \(words.count - most) more"
  }
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " and \(last)"
}
