import HTTPTypes

extension HTTPField.Name {
  static let requestID = spelt("x-request-id")
  /// Databricks' header that tells which served entity answered.
  static let servedModelName = spelt("served-model-name")
  static let traceState = spelt("tracestate")

  /// A name that stands in this file.
  private static func spelt(_ text: String) -> Self {
    guard let name = Self(text) else { preconditionFailure("\(text) is no field name") }
    return name
  }
}
