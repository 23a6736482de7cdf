/// Status and headers of a response.
struct ResponseHead: Sendable, Hashable {
  var version: String
  var status: Int
  var headers: HTTPHeaders
  var effectiveURL = ""
}

/// Assembles the head of a response from libcurl's lines.
///
/// There may be several heads before the final one: `100 Continue`, early hints, followed redirects. Trailers after it
/// are ignored.
struct ResponseHeadParser {
  /// The maximum total size of all heads of one response in bytes. No server needs it; a hostile one is stopped.
  static let limit = 256 << 10

  enum Outcome: Equatable {
    /// More lines are to come.
    case incomplete
    /// The final head.
    case complete(ResponseHead)
    /// The final head, unless libcurl follows it to another URL.
    case redirect(ResponseHead)
    /// The heads exceed the limit.
    case tooLarge
  }

  private let followsRedirects: Bool
  private var head: ResponseHead?
  private var byteCount = 0

  init(followsRedirects: Bool) {
    self.followsRedirects = followsRedirects
  }

  /// Takes one line, including its line break.
  mutating func take(_ line: UnsafeRawBufferPointer) -> Outcome {
    byteCount += line.count
    guard byteCount <= Self.limit else { return .tooLarge }
    let text = String(decoding: line, as: UTF8.self).droppingWhitespace
    if text.isEmpty { return endHead() }
    if head == nil {
      head = Self.statusLine(text)
    } else if line.first == 0x20 || line.first == 0x09 {
      continueLastField(with: text)
    } else if let field = Self.field(text) {
      head?.headers.fields.append(field)
    }
    return .incomplete
  }

  private mutating func endHead() -> Outcome {
    guard let head else { return .incomplete }
    self.head = nil
    if head.status < 200 { return .incomplete }
    let isRedirect = followsRedirects && (300..<400).contains(head.status) && head.headers["Location"] != nil
    return isRedirect ? .redirect(head) : .complete(head)
  }

  private mutating func continueLastField(with text: String) {
    guard var fields = head?.headers.fields, let last = fields.indices.last else { return }
    fields[last].value += " " + text
    head?.headers.fields = fields
  }

  private static func statusLine(_ text: String) -> ResponseHead? {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/"), let status = Int(words[1]) else { return nil }
    return ResponseHead(version: String(words[0]), status: status, headers: HTTPHeaders())
  }

  private static func field(_ text: String) -> HTTPField? {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    return HTTPField(
      String(text[..<colon]).droppingWhitespace, String(text[text.index(after: colon)...]).droppingWhitespace)
  }
}

extension String {
  /// The text without surrounding spaces, tabs and line breaks.
  fileprivate var droppingWhitespace: String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
    guard let first = utf8.firstIndex(where: { !isSpace($0) }), let last = utf8.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(self[first...last])
  }
}
