extension StringProtocol {
  /// The string without the given characters at both ends. Works on Unicode scalars: to Swift, CR LF is one character.
  func trimming(_ characters: String) -> String {
    let unwanted = characters.unicodeScalars
    var rest = Substring(self).unicodeScalars
    while let first = rest.first, unwanted.contains(first) { rest.removeFirst() }
    while let last = rest.last, unwanted.contains(last) { rest.removeLast() }
    return String(rest)
  }
}
