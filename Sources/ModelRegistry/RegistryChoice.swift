package import ServingAPI

/// The registry to query for versions: `workspace`, or `mlflow:` and the address of an MLflow server.
package enum RegistryChoice: Hashable, Sendable {
  /// The provider's own.
  case workspace
  case mlflow(url: String, source: String)

  /// - Parameter source: where the text was given, such as `--registry`.
  /// - Throws: `TargetError` for a text that is neither, and for an invalid server address.
  package init(_ text: String, source: String) throws(TargetError) {
    if text == "workspace" {
      self = .workspace
    } else if text.hasPrefix("mlflow:") {
      let address = String(text.dropFirst("mlflow:".count))
      self = .mlflow(url: try WorkspaceHost.normalized(address, source: source), source: source)
    } else {
      throw TargetError(
        "the registry from \(source) is not supported",
        advice: "write workspace, or mlflow:URL for an MLflow server, such as mlflow:http://mlflow:5000")
    }
  }
}
