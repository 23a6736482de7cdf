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
    let methods = configured()
    guard let method = methods.first else {
      return isGitHubJob && settings[.clientID] != nil ? try credentials(.githubOIDC) : nil
    }
    guard methods.count == 1 else { throw ambiguous(methods) }
    guard let kind = method.kind else { throw unsupported(method.settings[0]) }
    return try credentials(kind)
  }

  // MARK: - What is configured

  private struct ConfiguredMethod {
    /// Nil for a method that Databricks' tools support and Setpoint does not.
    let kind: Credentials.Kind?
    let settings: [AuthSettings.Setting]
  }

  private func configured() -> [ConfiguredMethod] {
    var methods: [ConfiguredMethod] = []
    func add(_ kind: Credentials.Kind?, _ keys: AuthSettings.Key...) {
      let found = keys.compactMap { settings[$0] }
      if !found.isEmpty { methods.append(ConfiguredMethod(kind: kind, settings: found)) }
    }
    add(.pat, .token)
    if let identity = ambientIdentity() { methods.append(ConfiguredMethod(kind: .envOIDC, settings: [identity])) }
    add(.fileOIDC, .oidcTokenFile)
    // An exchange needs a client ID as well.
    let isExchange =
      methods.contains { $0.kind == .envOIDC || $0.kind == .fileOIDC } || (isGitHubJob && methods.isEmpty)
    if settings[.clientSecret] != nil || !isExchange { add(.oauthM2M, .clientID, .clientSecret) }
    add(nil, .username, .password)
    add(nil, .azureClientID)
    add(nil, .googleServiceAccount)
    return methods
  }

  /// The variable with an identity token, if one is named, or if the environment is included and has the one for every
  /// tool.
  private func ambientIdentity() -> AuthSettings.Setting? {
    if let named = settings[.oidcTokenEnv] { return named }
    guard settings.includesEnvironment, environment[Self.identityVariable] != nil else { return nil }
    let place = "environment \(Self.identityVariable)"
    return AuthSettings.Setting(value: Self.identityVariable, place: place, name: place)
  }

  private static let identityVariable = "DATABRICKS_OIDC_TOKEN"

  private var isGitHubJob: Bool { Self.gitHubVariables.allSatisfy { environment[$0] != nil } }
  private static let gitHubVariables = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]

  // MARK: - The credentials of a method

  private func credentials(
    _ kind: Credentials.Kind, becauseOf type: AuthSettings.Setting? = nil
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
        advice: "run this in a GitHub Actions job that has \"permissions: {id-token: write}\"")
    }
    let place = settings[.clientID]?.place ?? "environment \(Self.gitHubVariables[0])"
    return (.github(url: values[0], token: Secret(values[1])), place)
  }

  private func require(
    _ key: AuthSettings.Key, for kind: Credentials.Kind, because type: AuthSettings.Setting?
  ) throws(TargetError) -> AuthSettings.Setting {
    if let setting = settings[key] { return setting }
    let others = settings[.clientID] ?? settings[.clientSecret]
    let reason = type.map { "\($0.name) is \(kind.rawValue)" } ?? others.map { "\($0.name) is set" } ?? kind.rawValue
    let variable = key.variables[0]
    let alternative =
      key == .clientSecret
      ? "; or provide an OIDC token: DATABRICKS_OIDC_TOKEN, DATABRICKS_OIDC_TOKEN_FILEPATH, or a GitHub job's"
      : ""
    throw TargetError(
      "\(reason), but \(key.rawValue) is not set",
      advice: "set \(variable), or \"\(key.rawValue)\" in the profile\(alternative)")
  }

  // MARK: - Refusals

  private func ambiguous(_ methods: [ConfiguredMethod]) -> TargetError {
    let list = methods.map { method in
      let name = method.kind.map { "\($0.rawValue): " } ?? ""
      return name + method.settings.map(\.name).joined(separator: " and ")
    }
    let kinds = methods.compactMap { $0.kind?.rawValue }
    return TargetError(
      "more than one authentication method is configured: " + list.joined(separator: "; "),
      advice: "remove all but one, or choose with DATABRICKS_AUTH_TYPE (\"auth_type\" in a profile): "
        + (kinds.isEmpty ? Self.supported : kinds.joined(separator: ", ")))
  }

  private func unsupported(_ setting: AuthSettings.Setting) -> TargetError {
    let isType = setting == settings[.authType]
    let what = isType ? "\(setting.name) is \(setting.value)" : setting.name
    return TargetError(
      "\(what): this authentication method is not supported",
      advice: "use one of \(Self.supported); to use another tool's login, set DATABRICKS_TOKEN to the token it prints")
  }

  private static let supported = Credentials.Kind.allCases.map(\.rawValue).joined(separator: ", ")
}
