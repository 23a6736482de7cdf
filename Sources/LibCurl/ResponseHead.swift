/// Status and headers of a response.
struct ResponseHead: Sendable, Hashable {
  var version: String
  var status: Int
  var headers: HTTPHeaders
  var effectiveURL = ""
}

/// Puts a response's head together from the lines that libcurl hands over.
///
/// There may be several heads before the one that counts: `100 Continue`, early hints, redirects that are followed.
/// After it there may be trailers, which are left out.
struct ResponseHeadParser {
  /// The most bytes that all heads of one response may have together. No server needs it; a hostile one is stopped.
  static let limit = 256 << 10

  enum Outcome: Equatable {
    /// More lines are to come.
    case incomplete
    /// The head that counts.
    case complete(ResponseHead)
    /// The head that counts, unless libcurl follows it to another place.
    case redirect(ResponseHead)
    /// Heads without end.
    case tooLarge
  }

  private let followsRedirects: Bool
  private var head: ResponseHead?
  private var byteCount = 0

  init(followsRedirects: Bool) {
    self.followsRedirects = followsRedirects
  }

  /// Takes one line, its line break included.
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
  /// Without the spaces, tabs and line breaks around it.
  fileprivate var droppingWhitespace: String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
    guard let first = utf8.firstIndex(where: { !isSpace($0) }), let last = utf8.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(self[first...last])
  }
}
