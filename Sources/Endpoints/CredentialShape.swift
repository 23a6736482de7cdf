/// Recognizes credentials by their shape: tokens of serving planes, Databricks, Hugging Face, OpenAI, GitHub, GitLab,
/// AWS and Slack, JSON web tokens, and the password in a URL.
package enum CredentialShape {
  private static let marks = [
    "dapi", "dose", "hf_", "sk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "AKIA", "ASIA", "xoxb-", "xoxp-",
    "eyJ", "spt_",
  ].map { Array($0.utf8) }
  /// The shortest token, including its mark.
  private static let shortest = 16

  /// Whether a value contains a credential.
  package static func isOne(_ value: String) -> Bool { redacted(value) != value }

  /// Whether a value may contain a credential: one of a known shape, a name or password for a server, a setting of a
  /// connection string or a JSON object that is named like one, a private key, or a long mix of letters and digits.
  static func isSuspected(in value: String) -> Bool {
    let text = value.lowercased()
    if isOne(value) || text.contains("@") || text.contains("-----begin") { return true }
    let isNamed = settings.contains { name in ["=", ":", "\""].contains { text.contains(name + $0) } }
    return isNamed
      || text.split { !$0.isLetter && !$0.isNumber }.contains { part in
        part.count >= 12 && part.contains(where: \.isLetter) && part.contains(where: \.isNumber)
      }
  }

  /// The ends of the names of settings: `Password=`, `AccountKey=`, `"private_key":`, `?sig=`.
  private static let settings = [
    "key", "token", "secret", "password", "passwd", "pwd", "sig", "signature", "credential", "credentials",
  ]

  /// Returns the text with all credentials removed.
  package static func redacted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var copied = 0
    var index = 0
    while index < bytes.count {
      if let password = password(in: bytes, at: index) {
        result += bytes[copied..<password.lowerBound] + Array(Redaction.mark.utf8)
        (copied, index) = (password.upperBound, password.upperBound)
      } else if bytes[index].isTokenByte {
        var end = bytes[index...].firstIndex { !$0.isTokenByte } ?? bytes.count
        let next = end
        // A full stop ends a sentence, not a token.
        while end > index, bytes[end - 1] == UInt8(ascii: ".") || bytes[end - 1] == UInt8(ascii: "-") { end -= 1 }
        if isToken(bytes[index..<end]) {
          result += bytes[copied..<index] + Array(Redaction.mark.utf8)
          copied = end
        }
        index = next
      } else {
        index += 1
      }
    }
    if copied == 0 { return text }
    return String(decoding: result + bytes[copied...], as: UTF8.self)
  }

  private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.count >= shortest && marks.contains { bytes.starts(with: $0) } && bytes.contains { $0 >= 0x30 && $0 <= 0x39 }
  }

  /// Returns the password in `://user:password@host` if a URL's authority begins here.
  private static func password(in bytes: [UInt8], at index: Int) -> Range<Int>? {
    guard bytes[index] == UInt8(ascii: ":"), bytes[index...].starts(with: Array("://".utf8)) else { return nil }
    let start = index + 3
    let end = bytes[start...].firstIndex { $0 <= 0x20 || "/?#\"'<>`".utf8.contains($0) } ?? bytes.count
    guard let at = bytes[start..<end].lastIndex(of: UInt8(ascii: "@")),
      let colon = bytes[start..<at].firstIndex(of: UInt8(ascii: ":")), colon + 1 < at
    else { return nil }
    let password = colon + 1..<at
    // Already removed.
    return bytes[password].elementsEqual(Redaction.mark.utf8) ? nil : password
  }
}

extension UInt8 {
  fileprivate var isTokenByte: Bool { isNameByte || self == UInt8(ascii: ".") }
}
