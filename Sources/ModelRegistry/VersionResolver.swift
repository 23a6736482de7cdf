internal import Endpoints
package import ServingAPI

/// Resolves an alias or `latest` to a version, and checks whether a version can be served: the interface to every
/// registry.
///
/// Every method throws `ModelRegistryError` for a negative answer of the registry, `ServingError` if it could not be
/// queried, and `CancellationError`.
package struct VersionResolver: Sendable {
  private let registry: any VersionRegistry

  /// The provider's own registry.
  package init(_ client: ServingClient) { registry = ProviderRegistry(client) }

  package init(_ registry: any VersionRegistry) { self.registry = registry }

  /// Returns the version that `model@alias` currently means; it can be served.
  ///
  /// - Parameters:
  ///   - alias: with or without a leading `@`; or `latest`, the highest number among the versions that can be served.
  ///   - wait: how to wait for a version that is still being registered; nil: it is an error.
  package func resolve(model: String, alias: String, _ wait: RegistrationWait? = nil) async throws -> ResolvedVersion {
    let alias = alias.hasPrefix("@") ? String(alias.dropFirst()) : alias
    guard let wait else { return try await resolved(model, alias) }
    return try await wait.through(alias == Self.latest ? "latest of \(model)" : "\(model)@\(alias)") {
      try await resolved(model, alias)
    }
  }

  /// Checks that a version exists and can be served.
  package func requireServable(model: String, version: String) async throws {
    switch try await registry.version(version, of: model) {
    case .found(let found): try check(found, shownAs: "\(model) version \(version)")
    case .missing(let words): throw try await missing(model: model, version: version, words)
    }
  }

  /// The word for the newest version. Registries reserve it, so no alias has this name (serving-api.md 1.4).
  private static let latest = "latest"

  private func resolved(_ model: String, _ alias: String) async throws -> ResolvedVersion {
    if alias == Self.latest { return try await newest(of: model) }
    switch try await registry.version(alias: alias, of: model) {
    case .found(let found):
      try check(found, shownAs: "\(model)@\(alias) (version \(found.number))")
      return ResolvedVersion(String(found.number))
    case .missing(let words): throw try await missing(model: model, alias: alias, words)
    }
  }

  private func newest(of model: String) async throws -> ResolvedVersion {
    let newestFirst: [RegisteredVersion]
    switch try await registry.versions(of: model) {
    case .found(let versions): newestFirst = versions.sorted { $0.number > $1.number }
    case .missing(let words): throw await missing(model: model, words)
    }
    let pending = newestFirst.filter { $0.status == .pendingRegistration }
    if let ready = newestFirst.first(where: { $0.status == .ready }) {
      return ResolvedVersion(
        String(ready.number), registering: pending.filter { $0.number > ready.number }.map { String($0.number) })
    }
    guard let newest = pending.first ?? newestFirst.first else {
      throw ModelRegistryError(
        .noSuchVersion, "\(model) has no versions", advice: "register one, or use another model")
    }
    try check(newest, shownAs: "latest of \(model) (version \(newest.number))")
    return ResolvedVersion(String(newest.number))
  }

  private func check(_ found: RegisteredVersion, shownAs name: String) throws {
    let words = found.statusMessage.clause.isEmpty ? "" : ": \(found.statusMessage.clause)"
    switch found.status {
    case .ready: return
    case .pendingRegistration:
      throw ModelRegistryError(
        .notYetRegistered, "\(name) is still being registered\(words)", advice: "wait until it is READY, then retry")
    case .failedRegistration:
      throw ModelRegistryError(
        .notServable, "\(name) cannot be served: its registration failed\(words)", advice: "register the model again")
    case .unknown(let word):
      throw ModelRegistryError(
        .notServable, "\(name) cannot be served: its status is \(word.isEmpty ? "not given" : "\"\(word)\"")\(words)",
        advice: "only READY versions can be served")
    }
  }
}

// Errors for missing objects. Registries answer alike for a missing version and a missing model, so their lists are
// read.
extension VersionResolver {
  /// Returns a server's message to append, unless it only says that something does not exist, which is already said.
  private static func more(_ words: String) -> String {
    let said = words.lowercased()
    let isSaidAlready =
      ["not exist", "not found", "no such", "has no"].contains { said.contains($0) }
      && !["permission", "privilege", "access", "authori"].contains { said.contains($0) }
    return isSaidAlready || words.clause.isEmpty ? "" : ": \(words.clause)"
  }

  private func missing(model: String, _ words: String) async -> ModelRegistryError {
    let meant = await registry.nearest(to: model).map { "did you mean \"\($0)\"? " } ?? ""
    let advice = await registry.modelAdvice
    return ModelRegistryError(
      .noSuchModel, "no registered model \(model)\(Self.more(words))", advice: meant + advice)
  }

  private func missing(model: String, alias: String, _ words: String) async throws -> ModelRegistryError {
    switch try await registry.aliases(of: model) {
    case .missing(let words): return await missing(model: model, words)
    case .found(let aliases):
      return ModelRegistryError(
        .noSuchAlias, "\(model) has no alias @\(alias)\(Self.more(words))",
        advice: aliases.isEmpty
          ? "it has no aliases; set one in the registry, or use a version number"
          : Choices.advice(aliases.sorted().map { "@" + $0 }))
    }
  }

  private func missing(model: String, version: String, _ words: String) async throws -> ModelRegistryError {
    switch try await registry.versions(of: model) {
    case .missing(let words): return await missing(model: model, words)
    case .found(let versions):
      let numbers = versions.map(\.number).sorted(by: >).map { String($0) }
      return ModelRegistryError(
        .noSuchVersion, "\(model) has no version \(version)\(Self.more(words))",
        advice: numbers.isEmpty ? "it has no versions; register one" : Choices.advice(numbers, most: 8))
    }
  }
}
