package import ServingAPI

/// A place where registered models are kept: what it answers, in one form for every kind of registry. What follows from the
/// answers is ``VersionResolver``'s.
///
/// Every method throws `ServingError` where the registry could not be asked, `ModelRegistryError` for a question that it has
/// no answer to at all, and `CancellationError`.
package protocol VersionRegistry: Sendable {
  /// Missing where there is no such version, or no such model.
  func version(_ number: String, of model: String) async throws -> RegistryAnswer<RegisteredVersion>

  /// The version that an alias means; missing where there is no such alias, or no such model.
  func version(alias: String, of model: String) async throws -> RegistryAnswer<RegisteredVersion>

  /// In no order; missing where there is no such model.
  func versions(of model: String) async throws -> RegistryAnswer<[RegisteredVersion]>

  /// Without their `@`; missing where there is no such model.
  func aliases(of model: String) async throws -> RegistryAnswer<[String]>

  /// What to do about a model that is not there.
  var modelAdvice: String { get }
}

/// What there is, or the registry's words on there being nothing.
package enum RegistryAnswer<Value: Sendable>: Sendable {
  case found(Value)
  case missing(String)

  package func map<Other>(_ change: (Value) throws -> Other) rethrows -> RegistryAnswer<Other> {
    switch self {
    case .found(let value): .found(try change(value))
    case .missing(let words): .missing(words)
    }
  }

  /// What the question brings; missing where the API itself says that the thing asked for is not there.
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
  /// The registry's own words on the status; empty where it has none.
  package let statusMessage: String

  package init(_ number: Int64, _ status: ModelVersionStatus, statusMessage: String = "") {
    self.number = number
    self.status = status
    self.statusMessage = statusMessage
  }
}

extension ServingError {
  /// An answer about a version that does not say which.
  static func namesNoVersion(_ call: APICall) -> ServingError {
    ServingError(
      kind: .unexpectedAnswer, status: 200, serverMessage: "the response contains no version", call: call.description)
  }
}
