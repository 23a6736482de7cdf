/// Chooses one authentication method from all settings, as Databricks' own tools do: `auth_type` decides; without it,
/// exactly one method may be configured (serving-api.md Q75). Pure.
struct CredentialsChoice {
  let settings: AuthSettings
  /// Used for the variables that contain identity tokens, and for GitHub's.
  let environment: [String: String]

  /// Returns the credentials, or nil if there are no settings.
  ///
  /// - Throws: `TargetError` if more than one method is configured, or one that is incomplete or not supported.
  func choose() throws(TargetError) -> Credentials? {
    if let type = settings[.authType] {
      guard let kind = Credentials.Kind(rawValue: type.value.lowercased()) else { throw unsupported(type) }
      return try credentials(kind, becauseOf: type)
    }
    let ways = configured()
    guard let way = ways.first else {
      return isGitHubJob && settings[.clientID] != nil ? try credentials(.githubOIDC) : nil
    }
    guard ways.count == 1 else { throw ambiguous(ways) }
    guard let kind = way.kind else { throw unsupported(way.said[0]) }
    return try credentials(kind)
  }

  // MARK: - What is configured

  private struct Way {
    /// Nil for a method that Databricks' tools support and Setpoint does not.
    let kind: Credentials.Kind?
    let said: [AuthSettings.Said]
  }

  private func configured() -> [Way] {
    var ways: [Way] = []
    func add(_ kind: Credentials.Kind?, _ keys: AuthSettings.Key...) {
      let said = keys.compactMap { settings[$0] }
      if !said.isEmpty { ways.append(Way(kind: kind, said: said)) }
    }
    add(.pat, .token)
    if let identity = ambientIdentity() { ways.append(Way(kind: .envOIDC, said: [identity])) }
    add(.fileOIDC, .oidcTokenFile)
    // An exchange needs a client id as well.
    let isExchange = ways.contains { $0.kind == .envOIDC || $0.kind == .fileOIDC } || (isGitHubJob && ways.isEmpty)
    if settings[.clientSecret] != nil || !isExchange { add(.oauthM2M, .clientID, .clientSecret) }
    add(nil, .username, .password)
    add(nil, .azureClientID)
    add(nil, .googleServiceAccount)
    return ways
  }

  /// The variable with an identity token, if one is named, or if the environment is included and has the one for every
  /// tool.
  private func ambientIdentity() -> AuthSettings.Said? {
    if let named = settings[.oidcTokenEnv] { return named }
    guard settings.includesEnvironment, environment[Self.identityVariable] != nil else { return nil }
    let place = "environment \(Self.identityVariable)"
    return AuthSettings.Said(value: Self.identityVariable, place: place, name: place)
  }

  private static let identityVariable = "DATABRICKS_OIDC_TOKEN"

  private var isGitHubJob: Bool { Self.gitHubVariables.allSatisfy { environment[$0] != nil } }
  private static let gitHubVariables = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]

  // MARK: - One way, whole

  private func credentials(
    _ kind: Credentials.Kind, becauseOf type: AuthSettings.Said? = nil
  ) throws(TargetError) -> Credentials {
    let found: (proof: Credentials.Proof, source: String)
    switch kind {
    case .pat:
      let token = try require(.token, for: kind, because: type)
      found = (.token(Secret(token.value)), token.place)
    case .oauthM2M:
      let id = try require(.clientID, for: kind, because: type)
      let secret = try require(.clientSecret, for: kind, because: type)
      let source = id.place == secret.place ? id.place : "\(id.place), \(secret.place)"
      found = (.client(id: id.value, secret: Secret(secret.value)), source)
    case .envOIDC: found = try exchange(environmentIdentity())
    case .fileOIDC:
      let file = try require(.oidcTokenFile, for: kind, because: type)
      found = exchange((.file(path: file.value), file.place))
    case .githubOIDC: found = try exchange(gitHubIdentity())
    }
    var credentials = Credentials(found.proof, source: found.source)
    credentials.accountID = settings[.accountID]?.value
    credentials.audience = settings[.tokenAudience]?.value
    credentials.discoveryURL = settings[.discoveryURL]?.value
    return credentials
  }

  private func exchange(
    _ identity: (source: IdentitySource, place: String)
  ) -> (proof: Credentials.Proof, source: String) {
    (.federation(identity.source, clientID: settings[.clientID]?.value), identity.place)
  }

  private func environmentIdentity() throws(TargetError) -> (source: IdentitySource, place: String) {
    let named = settings[.oidcTokenEnv]
    let name = named?.value ?? Self.identityVariable
    guard let token = environment[name]?.trimmed else {
      let reason = named.map { " (named by \($0.name))" } ?? ""
      throw TargetError(
        "env-oidc: the environment variable \(name)\(reason) is not set",
        advice: "set it to the identity provider's token, or specify another variable with DATABRICKS_OIDC_TOKEN_ENV")
    }
    return (.environment(name: name, token: Secret(token)), named?.place ?? "environment \(name)")
  }

  private func gitHubIdentity() throws(TargetError) -> (source: IdentitySource, place: String) {
    let values = Self.gitHubVariables.compactMap { environment[$0]?.trimmed }
    guard values.count == 2 else {
      let missing = Self.gitHubVariables.filter { environment[$0] == nil }
      throw TargetError(
        "github-oidc: \(missing.joined(separator: " and ")) \(missing.count == 1 ? "is" : "are") not set",
        advice: "run this in a GitHub Actions job that has `permissions: {id-token: write}`")
    }
    let place = settings[.clientID]?.place ?? "environment \(Self.gitHubVariables[0])"
    return (.github(url: values[0], token: Secret(values[1])), place)
  }

  private func require(
    _ key: AuthSettings.Key, for kind: Credentials.Kind, because type: AuthSettings.Said?
  ) throws(TargetError) -> AuthSettings.Said {
    if let said = settings[key] { return said }
    let others = settings[.clientID] ?? settings[.clientSecret]
    let reason = type.map { "\($0.name) is \(kind.rawValue)" } ?? others.map { "\($0.name) is set" } ?? kind.rawValue
    let variable = key.variables[0]
    let wayOut =
      key == .clientSecret
      ? "; or provide an OIDC token: DATABRICKS_OIDC_TOKEN, DATABRICKS_OIDC_TOKEN_FILEPATH, or a GitHub job's"
      : ""
    throw TargetError(
      "\(reason), but \(key.rawValue) is not set",
      advice: "set \(variable), or `\(key.rawValue)` in the profile\(wayOut)")
  }

  // MARK: - Refusals

  private func ambiguous(_ ways: [Way]) -> TargetError {
    let list = ways.map { way in
      let name = way.kind.map { "\($0.rawValue): " } ?? ""
      return name + way.said.map(\.name).joined(separator: " and ")
    }
    let kinds = ways.compactMap { $0.kind?.rawValue }
    return TargetError(
      "more than one authentication method is configured: " + list.joined(separator: "; "),
      advice: "remove all but one, or choose with DATABRICKS_AUTH_TYPE (`auth_type` in a profile): "
        + (kinds.isEmpty ? Self.supported : kinds.joined(separator: ", ")))
  }

  private func unsupported(_ said: AuthSettings.Said) -> TargetError {
    let isType = said == settings[.authType]
    let what = isType ? "\(said.name) is \(said.value)" : said.name
    return TargetError(
      "\(what): this authentication method is not supported",
      advice: "use one of \(Self.supported); to use another tool's login, set DATABRICKS_TOKEN to the token it prints")
  }

  private static let supported = Credentials.Kind.allCases.map(\.rawValue).joined(separator: ", ")
}
