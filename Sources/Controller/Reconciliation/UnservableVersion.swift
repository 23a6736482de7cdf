internal import Endpoints
internal import ModelRegistry

/// Tells a registry's no from a registry that could not be asked.
enum UnservableVersion {
  /// Why the version cannot be served; nil where nobody can tell.
  static func words(_ error: any Error) -> String? {
    (error as? ModelRegistryError).map { "\($0.message.clause) (\($0.advice.clause))" }
  }
}
