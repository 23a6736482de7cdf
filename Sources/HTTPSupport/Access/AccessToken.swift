import FoundationEssentials

/// Reads the token from an `Authorization` header: `Bearer TOKEN`, or `Basic` with the user `token`, as curl sends it
/// for `--user token:TOKEN`.
package enum AccessToken {
  /// The token; nil if the header is missing or of another kind.
  package static func read(fromAuthorization header: String?) -> String? {
    guard let header, let space = header.firstIndex(of: " ") else { return nil }
    let value = header[header.index(after: space)...].drop { $0 == " " }
    switch header[..<space].lowercased() {
    case "bearer": return value.isEmpty ? nil : String(value)
    case "basic":
      guard let data = Data(base64Encoded: String(value)), let pair = String(data: data, encoding: .utf8),
        let colon = pair.firstIndex(of: ":"), pair[..<colon] == "token"
      else { return nil }
      return String(pair[pair.index(after: colon)...])
    default: return nil
    }
  }
}
