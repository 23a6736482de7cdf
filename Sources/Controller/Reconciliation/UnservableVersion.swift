internal import Endpoints
internal import ModelRegistry

/// Distinguishes a negative answer of the registry from a registry that could not be queried.
enum UnservableVersion {
  /// Returns why the version cannot be served; nil if it is unknown.
  static func reason(_ error: any Error) -> String? {
    (error as? ModelRegistryError).map { "\($0.message.clause) (\($0.advice.clause))" }
  }
}
