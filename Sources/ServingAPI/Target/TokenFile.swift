/// A file with a token that a server creates, and that its user's commands read.
package enum TokenFile {
  /// Returns the token in the file.
  ///
  /// - Parameter make: creates a token if there is no file, which then gets mode 0600.
  /// - Throws: `TargetError` if others can access the file or it contains no token, and the errors of `make`.
  package static func token(at path: String, making make: () throws -> String) throws -> String {
    if let token = try read(path) { return token }
    let token = try make()
    if try SecureFile.create(path, with: Array("\(token)\n".utf8)) { return token }
    // Another process created it in the meantime.
    guard let other = try read(path) else { throw none(path) }
    return other
  }

  /// Returns the token in a file that must exist.
  package static func token(at path: String) throws(TargetError) -> String {
    guard let token = try read(path) else { throw none(path) }
    return token
  }

  private static func read(_ path: String) throws(TargetError) -> String? {
    guard let text = try SecureFile.readPrivate(path) else { return nil }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 1, words[0].utf8.count >= 16 else {
      throw TargetError(
        "\(path) contains no token", advice: "remove the file; a new token is created at the next start")
    }
    return String(words[0])
  }

  private static func none(_ path: String) -> TargetError {
    TargetError("no token in \(path)", advice: "a new one is created at the next start")
  }
}
