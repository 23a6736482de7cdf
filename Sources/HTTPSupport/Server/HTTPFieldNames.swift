package import HTTPTypes

extension HTTPField.Name {
  package static let requestID = spelt("x-request-id")
  package static let traceState = spelt("tracestate")

  /// A name given in the source.
  package static func spelt(_ text: String) -> Self {
    guard let name = Self(text) else { preconditionFailure("\(text) is not a valid header name") }
    return name
  }
}
