package import ServingAPI

/// Finds out which version an alias means and whether a version can be served, through the Unity Catalog calls that
/// workspaces and planes both answer (contract 1.4).
///
/// Every method throws `ModelRegistryError` for what the registry says, `ServingError` where it could not be asked, and
/// `CancellationError`.
package struct VersionResolver: Sendable {
  private let client: ServingClient

  package init(_ client: ServingClient) { self.client = client }

  /// The number of the version that `model@alias` means now, as text; it can be served.
  ///
  /// - Parameter alias: with or without the `@` in front.
  package func resolve(model: String, alias: String) async throws -> String {
    let alias = alias.hasPrefix("@") ? String(alias.dropFirst()) : alias
    guard alias != "latest" else {
      throw ModelRegistryError(
        .reservedAlias, "\(model)@latest: \"latest\" is reserved and no alias",
        advice: "give a version number, or set an alias of your own to the version you mean")
    }
    let found: WireModelVersion
    do {
      found = try await client.object(APICall("GET", "/api/2.1/unity-catalog/models/\(model)/aliases/\(alias)"))
    } catch let error as ServingError where error.isAbsence {
      throw try await missing(model: model, alias: alias)
    }
    guard let version = found.version else {
      throw ModelRegistryError(
        .notServable, "\(model)@\(alias): the registry's answer names no version", advice: "give a version number")
    }
    try check(found, model: model, version: String(version), shownAs: "\(model)@\(alias) (version \(version))")
    return String(version)
  }

  /// Makes sure that a version exists and can be served.
  package func requireServable(model: String, version: String) async throws {
    let found: WireModelVersion
    do {
      found = try await client.object(APICall("GET", "/api/2.1/unity-catalog/models/\(model)/versions/\(version)"))
    } catch let error as ServingError where error.isAbsence {
      throw ModelRegistryError(
        .noSuchVersion, "\(model) has no version \(version): \(error.serverMessage)",
        advice: "`setpoint models list` shows the versions of a plane")
    }
    try check(found, model: model, version: version, shownAs: "\(model) version \(version)")
  }

  private func check(_ found: WireModelVersion, model: String, version: String, shownAs name: String) throws {
    switch found.status {
    case .ready: return
    case .pendingRegistration:
      throw ModelRegistryError(
        .notYetRegistered, "\(name) is still being registered", advice: "wait until it is READY, then try again")
    case .failedRegistration:
      throw ModelRegistryError(
        .notServable, "\(name) cannot be served: its registration failed", advice: "register the model again")
    case .unknown(let word):
      throw ModelRegistryError(
        .notServable, "\(name) cannot be served: its status is \(word.isEmpty ? "not given" : "\"\(word)\"")",
        advice: "only READY versions can be served")
    }
  }

  /// Tells a missing alias from a missing model, which the registry answers alike.
  private func missing(model: String, alias: String) async throws -> ModelRegistryError {
    let call = APICall("GET", "/api/2.1/unity-catalog/models/\(model)", query: [("include_aliases", "true")])
    do {
      let found = try await client.object(call, as: WireRegisteredModel.self)
      let names = (found.aliases ?? []).compactMap(\.aliasName).sorted().map { "@" + $0 }
      return ModelRegistryError(
        .noSuchAlias, "\(model) has no alias @\(alias)",
        advice: names.isEmpty
          ? "it has no aliases; `setpoint models alias` sets one" : "it has \(names.joined(separator: ", "))")
    } catch let error as ServingError where error.isAbsence {
      return ModelRegistryError(
        .noSuchModel, "there is no registered model \(model): \(error.serverMessage)",
        advice: "`setpoint models list` shows the models of a plane; `setpoint models register` adds one")
    }
  }
}
