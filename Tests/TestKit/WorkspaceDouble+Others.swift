package import CanonicalJSON
package import Endpoints
package import ServingAPI
internal import Synchronization

/// What a test arranges in a workspace, and what other people do there.
extension WorkspaceDouble {
  // MARK: - How versions behave

  /// What becomes of rollouts of a version: each takes the first of these, and the last one stays.
  package func setFates(_ fates: [VersionFate], model: String, version: String) {
    state.withLock { $0.workspace.fates["\(model)/\(version)"] = fates }
  }

  package func setFate(_ fate: VersionFate, model: String, version: String) {
    setFates([fate], model: model, version: version)
  }

  /// What a version answers; other versions say "Hello from v" and their number.
  package func setAnswer(_ text: String, status: Int = 200, model: String, version: String) {
    state.withLock { $0.workspace.answers["\(model)/\(version)"] = (status, text) }
  }

  /// A registered model with its versions and aliases.
  package func setModel(_ name: String, versions: [Int64: ModelVersionStatus], aliases: [String: Int64] = [:]) {
    state.withLock { $0.workspace.models[name] = WorkspaceState.Model(versions: versions, aliases: aliases) }
  }

  /// A version that is `PENDING_REGISTRATION` for this many looks, and `READY` then (serving-api.md Q38).
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

  /// What the model server and the build of a version have to say.
  package func setLogs(server: String, build: String, model: String, version: String) {
    state.withLock { $0.workspace.logTexts["\(model)/\(version)"] = (server, build) }
  }

  // MARK: - Who is who

  /// A personal access token, and the user whose it is. Its user is no administrator.
  package func setPersonalToken(_ token: String, of user: String) {
    state.withLock {
      $0.workspace.identities.personalTokens[token] = WorkspaceState.Principal(kind: "user_name", name: user)
    }
  }

  /// No personal access token is good any more.
  package func revokePersonalTokens() { state.withLock { $0.workspace.identities.personalTokens = [:] } }

  /// A service principal by its application id, with its OAuth secret.
  package func setClient(_ id: String, secret: String) {
    state.withLock { $0.workspace.identities.clients[id] = secret }
  }

  /// A token of another issuer that may be exchanged for one of this service principal.
  package func setFederated(_ subjectToken: String, as client: String) {
    state.withLock { $0.workspace.identities.federated[subjectToken] = client }
  }

  /// Every token that was issued so far ends now.
  package func expireIssuedTokens() { state.withLock { $0.workspace.identities.issued = [:] } }

  /// How many tokens were issued.
  package var issuedTokens: Int { state.withLock { $0.workspace.identities.issuedCount } }

  /// Who is in a group; `admins` may do everything.
  package func setGroup(_ name: String, members: Set<String>) {
    state.withLock { $0.workspace.identities.groups[name] = members }
  }

  /// Everybody there is; grants for anyone else are refused.
  package func setPrincipals(_ names: Set<String>) { state.withLock { $0.workspace.identities.known = names } }

  /// The direct grants on an endpoint, by principal.
  package func grants(on name: String) -> [String: String] {
    state.withLock { state in
      let grants = state.workspace.endpoints[name].flatMap { state.workspace.grants[$0.id] } ?? []
      return Dictionary(grants.map { ($0.principal.name, $0.level) }, uniquingKeysWith: { $1 })
    }
  }

  /// A member of what the API would answer about an endpoint, such as `ai_gateway`; nil where there is none.
  package func member(_ key: String, of name: String) -> JSONValue? {
    state.withLock { state in state.workspace.endpoints[name].flatMap { state.workspace.shown($0).members[key] } }
  }

  // MARK: - What others do

  /// Somebody else calls the API, as an administrator. It counts among no calls.
  ///
  /// - Returns: the answer's status.
  @discardableResult
  package func foreign(
    _ method: String, _ path: String, _ body: JSONValue? = nil, by user: String = "somebody@example.com"
  ) -> Int {
    state.withLock { state in
      state.workspace.handle(method, path, body, by: user).status
    }
  }

  /// Somebody stops an endpoint, in the web page (serving-api.md 2.4).
  package func stop(_ name: String) { state.withLock { _ = $0.workspace.stop(name) } }

  package func start(_ name: String) { state.withLock { _ = $0.workspace.start(name) } }

  /// Nobody asked it anything for half an hour (serving-api.md 2.4).
  package func scaleToZero(_ name: String) { state.withLock { $0.workspace.endpoints[name]?.isAtZero = true } }

  /// Somebody makes or changes an endpoint's config past us. Nothing happens where an update is under way.
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

  /// Somebody stops the update under way, in the web page.
  package func cancelUpdate(_ name: String) { state.withLock { $0.workspace.cancelUpdate(name) } }

  /// Whether the active config's entities are ready.
  package func setReady(_ isReady: Bool, _ name: String) {
    state.withLock { $0.workspace.endpoints[name]?.isReady = isReady }
  }
}
