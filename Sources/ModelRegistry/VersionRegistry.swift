package import ServingAPI

/// A registry of models, with the same interface for every kind of registry. ``VersionResolver`` interprets its
/// answers.
///
/// Every method throws `ServingError` if the registry could not be queried, `ModelRegistryError` for a query that it
/// does not support, and `CancellationError`.
package protocol VersionRegistry: Sendable {
  /// Returns the version; missing if the version or the model does not exist.
  func version(_ number: String, of model: String) async throws -> RegistryLookup<RegisteredVersion>

  /// Returns the version that an alias means; missing if the alias or the model does not exist.
  func version(alias: String, of model: String) async throws -> RegistryLookup<RegisteredVersion>

  /// Returns all versions in no particular order; missing if the model does not exist.
  func versions(of model: String) async throws -> RegistryLookup<[RegisteredVersion]>

  /// Returns all aliases without their `@`; missing if the model does not exist.
  func aliases(of model: String) async throws -> RegistryLookup<[String]>

  /// What to do about a missing model. It may depend on what kind of server answers, which is then asked.
  var modelAdvice: String { get async }

  /// Returns the model whose name is closest to a missing one, if one call tells; else nil.
  func nearest(to model: String) async -> String?
}

extension VersionRegistry {
  package func nearest(to model: String) async -> String? { nil }
}

/// A value, or the registry's message that it does not exist.
package enum RegistryLookup<Value: Sendable>: Sendable {
  case found(Value)
  case missing(String)

  package func map<Other>(_ change: (Value) throws -> Other) rethrows -> RegistryLookup<Other> {
    switch self {
    case .found(let value): .found(try change(value))
    case .missing(let words): .missing(words)
    }
  }

  /// Runs a query; missing if the API reports that the object does not exist.
  init(_ question: () async throws -> Value) async throws {
    do {
      self = .found(try await question())
    } catch let error as ServingError where error.isAbsence {
      self = .missing(error.serverMessage)
    }
  }
}

/// One version of a registered model.
package struct RegisteredVersion: Hashable, Sendable {
  package let number: Int64
  package let status: ModelVersionStatus
  /// The registry's own message about the status; empty if it has none.
  package let statusMessage: String

  package init(_ number: Int64, _ status: ModelVersionStatus, statusMessage: String = "") {
    self.number = number
    self.status = status
    self.statusMessage = statusMessage
  }
}

extension ServingError {
  /// The error for a response that does not contain a version.
  static func namesNoVersion(_ call: APICall) -> ServingError {
    ServingError(
      kind: .unexpectedAnswer, status: 200, serverMessage: "the response contains no version", call: call.description)
  }
}
