package import CanonicalJSON
package import Endpoints
package import ServingAPI
internal import Synchronization

/// What a test sets up in a workspace, and what other users do there.
extension WorkspaceDouble {
  // MARK: - How versions behave

  /// The outcome of the rollouts of a version: each rollout takes the first of these, and the last one stays.
  package func setBehaviors(_ behaviors: [VersionBehavior], model: String, version: String) {
    state.withLock { $0.workspace.versionBehaviors["\(model)/\(version)"] = behaviors }
  }

  package func setBehavior(_ behavior: VersionBehavior, model: String, version: String) {
    setBehaviors([behavior], model: model, version: version)
  }

  /// What a version answers; other versions answer "Hello from v" and their number.
  package func setAnswer(_ text: String, status: Int = 200, model: String, version: String) {
    state.withLock { $0.workspace.answers["\(model)/\(version)"] = (status, text) }
  }

  /// A registered model with its versions and aliases.
  package func setModel(_ name: String, versions: [Int64: ModelVersionStatus], aliases: [String: Int64] = [:]) {
    state.withLock { $0.workspace.models[name] = WorkspaceState.Model(versions: versions, aliases: aliases) }
  }

  /// A version that is `PENDING_REGISTRATION` for this many reads, and then `READY` (serving-api.md Q38).
  package func setRegistering(_ model: String, version: Int64, looks: Int) {
    state.withLock { state in
      state.workspace.models[model]?.versions[version] = .ready
      state.workspace.models[model]?.registering[version] = looks
    }
  }

  /// Tags of a registered version, such as `task`.
  package func setVersionTags(_ tags: [String: String], model: String, version: Int64) {
    state.withLock { $0.workspace.models[model]?.tags[version] = tags }
  }

  /// The output of a version's model server and build.
  package func setLogs(server: String, build: String, model: String, version: String) {
    state.withLock { $0.workspace.logTexts["\(model)/\(version)"] = (server, build) }
  }

  // MARK: - Identities

  /// A personal access token and its user, who is not an administrator.
  package func setPersonalToken(_ token: String, of user: String) {
    state.withLock {
      $0.workspace.identities.personalTokens[token] = WorkspaceState.Principal(kind: "user_name", name: user)
    }
  }

  /// Revokes every personal access token.
  package func revokePersonalTokens() { state.withLock { $0.workspace.identities.personalTokens = [:] } }

  /// A service principal by its application id, with its OAuth secret.
  package func setClient(_ id: String, secret: String) {
    state.withLock { $0.workspace.identities.clients[id] = secret }
  }

  /// A token of another issuer that can be exchanged for one of this service principal.
  package func setFederated(_ subjectToken: String, as client: String) {
    state.withLock { $0.workspace.identities.federated[subjectToken] = client }
  }

  /// Expires every token that was issued so far.
  package func expireIssuedTokens() { state.withLock { $0.workspace.identities.issued = [:] } }

  /// How many tokens were issued.
  package var issuedTokens: Int { state.withLock { $0.workspace.identities.issuedCount } }

  /// The members of a group; `admins` may do everything.
  package func setGroup(_ name: String, members: Set<String>) {
    state.withLock { $0.workspace.identities.groups[name] = members }
  }

  /// All existing principals; grants for any other are refused.
  package func setPrincipals(_ names: Set<String>) { state.withLock { $0.workspace.identities.known = names } }

  /// The direct grants on an endpoint, by principal.
  package func grants(on name: String) -> [String: String] {
    state.withLock { state in
      let grants = state.workspace.endpoints[name].flatMap { state.workspace.grants[$0.id] } ?? []
      return Dictionary(grants.map { ($0.principal.name, $0.level) }, uniquingKeysWith: { $1 })
    }
  }

  /// A member of the API's response about an endpoint, such as `ai_gateway`; nil if there is none.
  package func member(_ key: String, of name: String) -> JSONValue? {
    state.withLock { state in state.workspace.endpoints[name].flatMap { state.workspace.shown($0).members[key] } }
  }

  // MARK: - What others do

  /// Somebody else calls the API as an administrator. The call is not counted.
  ///
  /// - Returns: the status of the response.
  @discardableResult
  package func foreign(
    _ method: String, _ path: String, _ body: JSONValue? = nil, by user: String = "somebody@example.com"
  ) -> Int {
    state.withLock { state in
      state.workspace.handle(method, path, body, by: user).status
    }
  }

  /// A user stops an endpoint in the web UI (serving-api.md 2.4).
  package func stop(_ name: String) { state.withLock { _ = $0.workspace.stop(name) } }

  package func start(_ name: String) { state.withLock { _ = $0.workspace.start(name) } }

  /// The endpoint got no request for half an hour (serving-api.md 2.4).
  package func scaleToZero(_ name: String) { state.withLock { $0.workspace.endpoints[name]?.isAtZero = true } }

  /// Another client creates an endpoint or changes its config. Nothing happens if an update is in progress.
  package func foreignEdit(_ name: String, config: EndpointConfig, tags: [String: String] = [:]) {
    state.withLock { state in
      if state.workspace.endpoints[name] != nil {
        _ = state.workspace.updateConfig(name, to: WireConfig(config))
      } else {
        let request = WireCreateRequest(name: name, config: WireConfig(config), tags: WireTag.list(tags))
        _ = state.workspace.create(request.json)
      }
    }
  }

  package func foreignTags(_ name: String, set: [String: String] = [:], remove: [String] = []) {
    state.withLock { _ = $0.workspace.patchTags(name, WireTagPatch(add: WireTag.list(set), delete: remove)) }
  }

  package func foreignDelete(_ name: String) { state.withLock { _ = $0.workspace.delete(name) } }

  /// A user stops the update in progress in the web UI.
  package func cancelUpdate(_ name: String) { state.withLock { $0.workspace.cancelUpdate(name) } }

  /// Whether the entities of the active config are ready.
  package func setReady(_ isReady: Bool, _ name: String) {
    state.withLock { $0.workspace.endpoints[name]?.isReady = isReady }
  }
}
