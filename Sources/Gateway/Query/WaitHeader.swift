import HTTPSupport
import NIOHTTP1

/// The header in which a client bounds its own wait for a replica: `2s`, `500ms`, or `0` if it does not wait at all.
enum WaitHeader {
  static let name = "x-setpoint-max-wait"

  /// Returns the client's bound; nil if it has none.
  static func maxWait(_ headers: HTTPHeaders) throws(GatewayError) -> Duration? {
    guard let text = headers.first(name: name) else { return nil }
    guard let wait = duration(text) else { throw .invalidMaxWait(text) }
    return wait
  }

  private static func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    // More digits than any wait needs; they could overflow.
    guard digits.count <= 9, let number = Int64(digits) else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": return .milliseconds(number)
    case "s": return .seconds(number)
    case "m": return .seconds(number * 60)
    case "h": return .seconds(number * 3600)
    case "": return number == 0 ? .zero : nil
    default: return nil
    }
  }
}
