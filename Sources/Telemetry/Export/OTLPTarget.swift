package import LibCurl

/// Where telemetry is exported to: an OTLP/HTTP receiver, with an address and header fields for each signal.
///
/// The variables are those of OpenTelemetry. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
package struct OTLPTarget: Hashable, Sendable {
  /// Where one signal goes.
  package struct Destination: Hashable, Sendable {
    /// The complete URL, with the path.
    package let url: String
    /// Sent with each request. They may be secrets.
    package let headers: [HTTPField]
  }

  private let destinations: [OTLPSignal: Destination]

  /// The variables with header fields. They usually have secrets.
  package static let headerVariables: [String] =
    [Self.headerVariable(nil)] + OTLPSignal.allCases.map { Self.headerVariable($0) }

  /// - Parameters:
  ///   - base: such as `http://127.0.0.1:4318`, to which `/v1/logs`, `/v1/metrics` and `/v1/traces` are appended.
  ///   - environment: may have another address for a signal, which is used as it is, and header fields.
  package init(_ base: String, environment: [String: String]) throws(TelemetryOptionError) {
    try Self.check(base, of: "\"\(base)\"")
    let stem = base.hasSuffix("/") ? String(base.dropLast()) : base
    let common = try Self.headers(in: Self.headerVariable(nil), environment)
    var destinations: [OTLPSignal: Destination] = [:]
    for signal in OTLPSignal.allCases {
      let variable = "OTEL_EXPORTER_OTLP_\(signal.rawValue.uppercased())_ENDPOINT"
      var url = "\(stem)/v1/\(signal.rawValue)"
      if let own = environment[variable], !own.isEmpty {
        try Self.check(own, of: variable)
        url = own
      }
      let own = try Self.headers(in: Self.headerVariable(signal), environment)
      let names = Set(own.map { $0.name.lowercased() })
      destinations[signal] = Destination(
        url: url, headers: common.filter { !names.contains($0.name.lowercased()) } + own)
    }
    self.destinations = destinations
  }

  /// Where a signal goes.
  package subscript(signal: OTLPSignal) -> Destination {
    destinations[signal] ?? Destination(url: "", headers: [])
  }

  // MARK: Reading

  private static func headerVariable(_ signal: OTLPSignal?) -> String {
    "OTEL_EXPORTER_OTLP_" + (signal.map { $0.rawValue.uppercased() + "_" } ?? "") + "HEADERS"
  }

  private static func check(_ url: String, of what: String) throws(TelemetryOptionError) {
    let scheme = ["http://", "https://"].first { url.hasPrefix($0) }
    let host = url.dropFirst(scheme?.count ?? 0).prefix { !"/?#".contains($0) }
    if host.contains("@") {
      // Not repeated: it has a password.
      throw TelemetryOptionError(
        message: "the address has a user or a password",
        next: "set them as a header field in OTEL_EXPORTER_OTLP_HEADERS")
    }
    guard scheme != nil, !host.isEmpty, !url.contains(where: { "?#".contains($0) }),
      url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw TelemetryOptionError(
        message: "\(what) is not the address of an OTLP/HTTP receiver", next: "use one such as http://127.0.0.1:4318")
    }
  }

  /// Reads `name=value,name=value`, with percent-encoded values. A message never repeats a value.
  private static func headers(
    in variable: String, _ environment: [String: String]
  ) throws(TelemetryOptionError) -> [HTTPField] {
    var headers: [HTTPField] = []
    for part in (environment[variable] ?? "").split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = trimmed(sides[0])
      if name.isEmpty, sides.count == 1 { continue }
      guard sides.count == 2, !name.isEmpty, name.utf8.allSatisfy(isTokenCharacter) else {
        throw TelemetryOptionError(
          message: "part \(headers.count + 1) of \(variable) is not a header field",
          next: "use name=value, and commas between several")
      }
      guard !reserved.contains(name.lowercased()) else {
        throw TelemetryOptionError(
          message: "\(variable) sets the header \"\(name)\", which the export sets itself", next: "remove it")
      }
      guard let value = decoded(trimmed(sides[1])), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw TelemetryOptionError(
          message: "the value of \"\(name)\" in \(variable) is invalid", next: "percent-encode it as UTF-8, in one line"
        )
      }
      headers.append(HTTPField(name, value))
    }
    return headers
  }

  private static let reserved: Set<String> = ["content-type", "content-length", "host", "transfer-encoding"]

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return String(text)
  }

  private static func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// Nil if the result would not be UTF-8. A `%` without two hexadecimal digits stays.
  private static func decoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
