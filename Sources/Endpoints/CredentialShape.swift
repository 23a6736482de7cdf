/// What looks like a credential, whoever's it is: tokens of Databricks, Hugging Face, OpenAI, GitHub, GitLab, AWS and Slack,
/// JSON web tokens, and the password of a URL.
package enum CredentialShape {
  private static let marks = [
    "dapi", "dose", "hf_", "sk-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "AKIA", "ASIA", "xoxb-", "xoxp-",
    "eyJ",
  ].map { Array($0.utf8) }
  /// Of a token, its mark included. None of those above is shorter.
  private static let shortest = 16

  /// Whether a whole value has such a shape.
  package static func isOne(_ value: String) -> Bool { redacted(value) != value }

  /// The text with all of them cut out.
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
        // A full stop ends a sentence and no token.
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

  /// The password in `://user:password@host`, where a URL's authority begins here.
  private static func password(in bytes: [UInt8], at index: Int) -> Range<Int>? {
    guard bytes[index] == UInt8(ascii: ":"), bytes[index...].starts(with: Array("://".utf8)) else { return nil }
    let start = index + 3
    let end = bytes[start...].firstIndex { $0 <= 0x20 || "/?#\"'<>`".utf8.contains($0) } ?? bytes.count
    guard let at = bytes[start..<end].lastIndex(of: UInt8(ascii: "@")),
      let colon = bytes[start..<at].firstIndex(of: UInt8(ascii: ":")), colon + 1 < at
    else { return nil }
    let password = colon + 1..<at
    // What was cut out already.
    return bytes[password].elementsEqual(Redaction.mark.utf8) ? nil : password
  }
}

extension UInt8 {
  fileprivate var isTokenByte: Bool { isNameByte || self == UInt8(ascii: ".") }
}
