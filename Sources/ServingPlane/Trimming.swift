extension StringProtocol {
  /// Without the given characters at both ends. Goes by Unicode scalars: to Swift, CR LF is one character of its own.
  func trimming(_ characters: String) -> String {
    let unwanted = characters.unicodeScalars
    var rest = Substring(self).unicodeScalars
    while let first = rest.first, unwanted.contains(first) { rest.removeFirst() }
    while let last = rest.last, unwanted.contains(last) { rest.removeLast() }
    return String(rest)
  }
}
