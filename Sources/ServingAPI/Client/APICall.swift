package import CanonicalJSON
package import LibCurl

/// One call of the API, as a value.
package struct APICall: Sendable {
  package let method: String
  /// The path as sent, such as `/api/2.0/serving-endpoints/x`; parts from outside are percent-encoded.
  package let path: String
  package var query: [(name: String, value: String)] = []
  package var body: JSONValue?
  /// Further header fields, such as `Range`.
  package var headers: [HTTPField] = []
  package var retries: RetryPolicy.Mode
  /// Nil uses the client's timeouts.
  package var timeouts: HTTPTimeouts?
  /// Texts in the body that no message may repeat, such as environment values.
  package var secrets: [String] = []

  /// - Parameter retries: reads and idempotent calls are repeatable; a `POST` is not.
  package init(
    _ method: String, _ path: APIPath, query: [(name: String, value: String)] = [], body: JSONValue? = nil,
    retries: RetryPolicy.Mode? = nil
  ) {
    self.method = method
    self.path = path.text
    self.query = query
    self.body = body
    self.retries = retries ?? (method == "POST" ? .whenNotApplied : .repeatable)
  }

  /// The call in messages, with the original names in its path.
  package var description: String { "\(method) \(PercentEncoding.decode(path))" }

  var pathAndQuery: String {
    guard !query.isEmpty else { return path }
    return path + "?"
      + query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
      .joined(separator: "&")
  }
}

/// A path whose variable parts are percent-encoded: `"/api/2.0/serving-endpoints/\(name)"`.
package struct APIPath: Sendable, ExpressibleByStringInterpolation {
  package let text: String

  package init(stringLiteral value: String) { text = value }
  package init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

  package struct Interpolation: StringInterpolationProtocol {
    var text = ""

    package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }
    package mutating func appendLiteral(_ literal: String) { text += literal }
    package mutating func appendInterpolation(_ value: String) { text += PercentEncoding.encodeSegment(value) }
    package mutating func appendInterpolation(_ value: Int64) { text += String(value) }
  }
}
