import HTTPTypes

extension HTTPField.Name {
  static let requestID = spelt("x-request-id")
  /// Databricks' header that tells which served entity answered.
  static let servedModelName = spelt("served-model-name")
  /// OpenAI's clients repeat a request that was answered with a 5xx, unless this says "false".
  static let shouldRetry = spelt("x-should-retry")
  /// By which vLLM's `/invocations` is asked for a LoRA adapter.
  static let adapterIdentifier = spelt("x-amzn-sagemaker-adapter-identifier")
  static let traceState = spelt("tracestate")

  /// A name that stands in this file.
  private static func spelt(_ text: String) -> Self {
    guard let name = Self(text) else { preconditionFailure("\(text) is not a valid header name") }
    return name
  }
}
