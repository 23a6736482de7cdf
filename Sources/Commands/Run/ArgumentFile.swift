internal import ServingAPI

/// A small file named on the command line, such as a token file.
enum ArgumentFile {
  /// Returns its text without surrounding whitespace.
  ///
  /// - Parameter subject: what the file must contain, for messages.
  /// - Throws: an ``ErrorReport`` if the file does not exist or is empty, and `TargetError` if it cannot be read.
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
