internal import FoundationEssentials

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A plain-text mail to one address (RFC 5322).
package struct MailMessage: Sendable, Hashable {
  package let from: MailAddress
  package let to: MailAddress
  /// Any text; line breaks and other control characters become spaces.
  package let subject: String
  /// Any text.
  package let text: String
  package let secondsSince1970: Int64
  /// A unique word for the mail's `Message-ID`, without spaces and `>`.
  package let id: String

  package init(
    from: MailAddress, to: MailAddress, subject: String, text: String, secondsSince1970: Int64, id: String
  ) {
    self.from = from
    self.to = to
    self.subject = subject
    self.text = text
    self.secondsSince1970 = secondsSince1970
    self.id = id
  }

  /// The mail as it is sent. Only addresses, which were checked, and encoded texts are in it: no text can end a line of
  /// the header or the mail.
  var bytes: [UInt8] {
    let header = [
      "Date: \(Self.date(secondsSince1970))", "From: <\(from.text)>", "To: <\(to.text)>",
      "Message-ID: <\(Self.word(id))@\(from.domain)>", "Subject: \(Self.encoded(subject))", "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "Auto-Submitted: auto-generated",
    ]
    return Array((header + [""] + Self.lines(ofBase64: Array(text.utf8)) + [""]).joined(separator: "\r\n").utf8)
  }

  // MARK: -

  /// Returns base64 in lines of at most 76 characters (RFC 2045, section 6.8).
  private static func lines(ofBase64 bytes: [UInt8]) -> [String] {
    stride(from: 0, to: bytes.count, by: 57).map { start in
      Data(bytes[start..<min(start + 57, bytes.count)]).base64EncodedString()
    }
  }

  /// Returns a header's text: as it is if it is plain and fits into a line, else as encoded words (RFC 2047).
  private static func encoded(_ text: String) -> String {
    let line = String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
    let isPlain = line.utf8.count <= 60 && line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !line.contains("=?")
    if isPlain { return line }
    var words: [[UInt8]] = [[]]
    for character in line {
      // 45 bytes are 60 characters of base64; with the rest, a word has at most 75. A single character may be longer.
      let last = words.count - 1
      if !words[last].isEmpty, words[last].count + character.utf8.count > 45 {
        words.append(Array(character.utf8))
      } else {
        words[last] += character.utf8
      }
    }
    return words.map { "=?UTF-8?B?\(Data($0).base64EncodedString())?=" }.joined(separator: "\r\n ")
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || scalar.value == 0x2028 || scalar.value == 0x2029
  }

  /// Returns a text with only the characters that a message ID may have.
  private static func word(_ text: String) -> String {
    String(decoding: text.utf8.filter { $0 > 0x20 && $0 < 0x7F && !"<>@()[]\\,;:\"".utf8.contains($0) }, as: UTF8.self)
  }

  /// Returns a date such as `Tue, 01 Dec 2026 11:42:05 +0000`.
  private static func date(_ secondsSince1970: Int64) -> String {
    var seconds = time_t(secondsSince1970)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    let (day, month) = (days[Int(parts.tm_wday) % 7], months[Int(parts.tm_mon) % 12])
    return "\(day), \(two(parts.tm_mday)) \(month) \(parts.tm_year + 1900) \(clock) +0000"
  }
}
