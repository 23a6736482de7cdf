import HTTPTypes

extension HTTPField.Name {
  static let requestID = spelt("x-request-id")
  /// The Databricks header that names the served entity that answered.
  static let servedModelName = spelt("served-model-name")
  /// OpenAI clients retry a request that got a 5xx, unless this says "false".
  static let shouldRetry = spelt("x-should-retry")
  /// Requests a LoRA adapter from vLLM's `/invocations`.
  static let adapterIdentifier = spelt("x-amzn-sagemaker-adapter-identifier")
  static let traceState = spelt("tracestate")

  /// A name given in this file.
  private static func spelt(_ text: String) -> Self {
    guard let name = Self(text) else { preconditionFailure("\(text) is not a valid header name") }
    return name
  }
}
