import Endpoints
import HTTPSupport

/// Which of the plane's secrets a principal may refer to in an endpoint's config. Who may change an endpoint can print
/// every secret that it refers to. A reference to another one is therefore for those who may change all endpoints.
struct SecretUse: Sendable {
  /// Nil if every reference is allowed.
  private let principal: String?
  private let known: Set<SecretReference>

  /// - Parameters:
  ///   - principal: who sends the config; nil for the plane's owner.
  ///   - record: the endpoint; nil if it does not exist yet.
  init(_ principal: HTTPSupport.Principal?, of record: EndpointRecord?) {
    self.principal = principal.flatMap { $0.rights.covers(.manage) ? nil : $0.name }
    // The last config is the newer one, also if it failed.
    let configs = [record?.active, record?.update.config].compactMap { $0 }
    known = Set(configs.flatMap(\.entities).flatMap { $0.environment.values.compactMap { SecretReference($0) } })
  }

  /// The refusal of an environment; nil if it is allowed. It does not say whether the secret exists.
  ///
  /// - Parameter entity: the served entity's name.
  func denial(of environment: [String: String], for entity: String) -> APIError? {
    guard let principal else { return nil }
    for (variable, value) in environment.sorted(by: { $0.key < $1.key }) {
      guard let reference = SecretReference(value), !known.contains(reference) else { continue }
      return .denied(
        "served entity \"\(entity)\": principal \"\(principal)\" may not introduce the secret reference \(value) in "
          + "\(variable): a token with the permission \"manage\" on all endpoints is required; an administrator can set "
          + "the variable, or create one with \"setpoint tokens create NAME --can manage\"")
    }
    return nil
  }
}
