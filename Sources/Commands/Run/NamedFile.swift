internal import ServingAPI

/// A small file that a command line names, such as a token's.
enum NamedFile {
  /// Its text without blanks and line breaks around it.
  ///
  /// - Parameter subject: what it is to hold, for the message.
  /// - Throws: an ``ErrorReport`` where there is none or it is empty, and `TargetError` where it cannot be read.
  static func read(_ path: String, holding subject: String) throws -> String {
    guard let text = try SecureFile.readText(path) else {
      throw ErrorReport("file not found: \(path); it must contain \(subject)", next: "check the name")
    }
    let trimmed = text.drop(while: \.isWhitespace)
    guard let end = trimmed.lastIndex(where: { !$0.isWhitespace }) else {
      throw ErrorReport("\(path) is empty; it must contain \(subject)", next: "write it to the file, or use another")
    }
    return String(trimmed[...end])
  }
}
