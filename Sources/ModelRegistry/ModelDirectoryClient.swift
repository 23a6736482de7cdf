internal import Endpoints
internal import LibCurl
package import ServingAPI

/// The registered models of a plane: Unity Catalog's calls, and the plane's own call that registers a directory.
///
/// Every method throws `ServingError`, and `CancellationError` if its task is canceled.
package struct ModelDirectoryClient: Sendable {
  let client: ServingClient

  package init(_ client: ServingClient) { self.client = client }

  /// Registers a directory on the plane's machine, or a model of a Hugging Face hub, as a version of a model, and the
  /// model itself if it is new.
  ///
  /// - Parameters:
  ///   - source: an absolute path: an artifacts folder, or an MLflow model folder; nil for a model of a hub.
  ///   - hub: such as `Qwen/Qwen3-8B`.
  ///   - revision: the hub's branch, tag or commit; nil for the main branch.
  ///   - version: the number to use; nil: the next one.
  ///   - entrypoint: the start command; nil if the folder specifies it.
  ///   - task: such as `llm/v1/chat`; nil if the folder specifies it.
  ///   - followLinks: whether links may lead out of the directory.
  /// - Returns: the version; one that is `PENDING_REGISTRATION` is still being copied.
  package func register(
    _ model: String, source: String?, hub: String? = nil, revision: String? = nil, version: Int? = nil,
    entrypoint: String? = nil, task: String? = nil, followLinks: Bool = false
  ) async throws -> WireModelVersion {
    var call = APICall("POST", "/api/2.1/unity-catalog/models/\(model)/versions")
    call.body =
      WireRegisterVersionRequest(
        source: source, hub: hub, revision: revision, version: version, entrypoint: entrypoint, task: task,
        followLinks: followLinks, isBackground: true
      ).json
    // A large folder on a slow disk takes a while to check.
    call.timeouts = HTTPTimeouts(connect: .seconds(10), idle: .seconds(600), total: .seconds(1200))
    let registered = try await client.object(call, as: WireModelVersion.self)
    guard registered.version != nil else {
      throw ServingError(
        kind: .unexpectedAnswer, status: 200, serverMessage: "the response contains no version", call: call.description,
        outcomeUnknown: true)
    }
    return registered
  }

  /// Returns every registered model, by name.
  package func models() async throws -> [WireRegisteredModel] {
    let call = APICall("GET", "/api/2.1/unity-catalog/models", query: [("include_aliases", "true")])
    return try await client.allPages(call, as: WireRegisteredModelPage.self) { ($0.models, $0.nextPageToken) }
      .sorted { ($0.fullName ?? "") < ($1.fullName ?? "") }
  }

  /// Returns the registered model whose name is closest to one that is not registered, or nil. Reads only the first
  /// page of the list, and does not fail: the name is a suggestion.
  package func nearest(to model: String) async -> String? {
    let call = APICall("GET", "/api/2.1/unity-catalog/models")
    guard let page = try? await client.object(call, as: WireRegisteredModelPage.self) else { return nil }
    let names = page.models.compactMap(\.fullName)
    return names.contains(model) ? nil : Similarity.closest(to: model, among: names)
  }

  /// One registered model with its aliases.
  package func model(_ model: String) async throws -> WireRegisteredModel {
    try await client.object(
      APICall("GET", "/api/2.1/unity-catalog/models/\(model)", query: [("include_aliases", "true")]))
  }

  /// One version of a model.
  package func version(_ number: Int64, of model: String) async throws -> WireModelVersion {
    try await client.object(APICall("GET", "/api/2.1/unity-catalog/models/\(model)/versions/\(number)"))
  }

  /// Every version of a model, by number. The registry gives them in no order and in pages that may be empty.
  package func versions(of model: String) async throws -> [WireModelVersion] {
    let call = APICall("GET", "/api/2.1/unity-catalog/models/\(model)/versions")
    return try await client.allPages(call, as: WireModelVersionPage.self) { ($0.versions, $0.nextPageToken) }
      .sorted { ($0.version ?? 0) < ($1.version ?? 0) }
  }

  /// Lets `model@alias` mean this version.
  package func setAlias(_ alias: String, of model: String, to version: Int64) async throws {
    var call = APICall("PUT", "/api/2.1/unity-catalog/models/\(model)/aliases/\(alias)")
    call.body = WireSetAliasRequest(versionNum: version).json
    _ = try await client.json(call)
  }
}

extension ServingError {
  /// Whether a registration was canceled while its caller waited for it.
  package var isCanceledRegistration: Bool { errorCode == "ABORTED" }
}
