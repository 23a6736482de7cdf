/// Words in POSIX shell syntax.
package enum ShellWord {
  /// Returns the word in single quotes unless it is safe without them.
  package static func quoted(_ word: String) -> String {
    let safe = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=@%+,".utf8.contains(byte)
      }
    }
    guard word.isEmpty || !safe else { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }

  /// Returns the words as one command line.
  package static func line(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }
}
