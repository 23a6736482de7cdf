import HTTPSupport
import HTTPTypes

extension HTTPField.Name {
  /// The Databricks header that names the served entity that answered.
  static let servedModelName = spelt("served-model-name")
  /// OpenAI clients retry a request that got a 5xx, unless this says "false".
  static let shouldRetry = spelt("x-should-retry")
  /// Requests a LoRA adapter from vLLM's `/invocations`.
  static let adapterIdentifier = spelt("x-amzn-sagemaker-adapter-identifier")
}
