/// Why a model version cannot be used. These are answers of the registry; failures to get an answer are thrown as
/// `ServingError`, and then the state of the version is unknown.
package struct ModelRegistryError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    case noSuchModel
    case noSuchAlias
    /// The registry of a workspace has no aliases at all (serving-api.md 1.5).
    case noAliases
    case noSuchVersion
    /// It is still being registered: large models take 20 to 30 minutes (serving-api.md Q38).
    case notYetRegistered
    /// Its registration failed, or its status is not known to this version.
    case notServable
  }

  package let kind: Kind
  package let message: String
  /// What to do next.
  package let advice: String

  package init(_ kind: Kind, _ message: String, advice: String) {
    self.kind = kind
    self.message = message
    self.advice = advice
  }

  package var description: String { "\(message); \(advice)" }
}
