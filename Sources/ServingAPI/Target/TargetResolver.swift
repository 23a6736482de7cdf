/// Decides which provider a command talks to: flags, then the environment, then a profile that was named, then the plane on
/// this machine. Pure over what it is given: the environment as a dictionary, files through a closure.
package struct TargetResolver: Sendable {
  private let environment: [String: String]
  private let readFile: @Sendable (String) throws(TargetError) -> String?
  private let findPlane: @Sendable () throws(TargetError) -> LocalPlane?

  /// - Parameters:
  ///   - environment: variables; an empty one counts as not set, as in Databricks' own tools.
  ///   - readFile: a file's text; nil where there is no such file.
  ///   - findPlane: the plane on this machine; nil where none has left its address.
  package init(
    environment: [String: String], readFile: @escaping @Sendable (String) throws(TargetError) -> String?,
    findPlane: @escaping @Sendable () throws(TargetError) -> LocalPlane?
  ) {
    self.environment = environment.filter { !$0.value.trimmed.isEmpty }
    self.readFile = readFile
    self.findPlane = findPlane
  }

  /// The provider and the right to talk to it.
  ///
  /// - Parameters:
  ///   - host: the flag `--host`.
  ///   - profile: the flag `--profile`.
  /// - Throws: `TargetError`, which says what to do next.
  package func resolve(host: String? = nil, profile: String? = nil) throws(TargetError) -> ProviderAccess {
    if let host { return try fromHostFlag(host, profile: profile) }
    if let profile { return try fromProfile(profile, namedBy: "flag --profile", environmentToken: false) }
    if let host = environment["DATABRICKS_HOST"] { return try fromEnvironment(host) }
    if let name = environment["DATABRICKS_CONFIG_PROFILE"] {
      return try fromProfile(name, namedBy: "environment DATABRICKS_CONFIG_PROFILE", environmentToken: true)
    }
    if environment["DATABRICKS_TOKEN"] != nil {
      throw TargetError(
        "DATABRICKS_TOKEN is set and DATABRICKS_HOST is not",
        advice: "set DATABRICKS_HOST to the workspace or plane that the token is for, or unset DATABRICKS_TOKEN")
    }
    let file = try configFile()
    if let file, let name = file.profiles.defaultProfile {
      return try fromProfile(
        name, namedBy: "default_profile of \(file.path)", environmentToken: true)
    }
    if let plane = try findPlane() { return try fromPlane(plane) }
    throw nothingFound(file)
  }

  // MARK: - Flags

  /// The token of a host that was given by flag: the named profile's, else the environment's where that is meant for the
  /// same host, else the plane's where that is the plane's address. A token is never sent to a host it was not given for.
  private func fromHostFlag(_ text: String, profile name: String?) throws(TargetError) -> ProviderAccess {
    let source = "flag --host"
    let url = try WorkspaceHost.normalized(text, source: source)
    if let name {
      let profile = try namedProfile(name, namedBy: "flag --profile")
      if let text = profile.values["host"], try WorkspaceHost.normalized(text, source: profile.place) != url {
        throw TargetError(
          "--host says \(url), and \(profile.place) is for another host", advice: "give one of the two flags")
      }
      return access(url, source, token: try token(of: profile), tokenSource: profile.place)
    }
    let otherHost = try environment["DATABRICKS_HOST"].map { text throws(TargetError) in
      try WorkspaceHost.normalized(text, source: "environment DATABRICKS_HOST")
    }
    if otherHost == nil || otherHost == url, let token = try environmentToken() {
      return access(url, source, token: token, tokenSource: "environment DATABRICKS_TOKEN")
    }
    if let plane = try planeAt(url) { return try fromPlane(plane, source: source) }
    let reason =
      otherHost.map { "DATABRICKS_TOKEN belongs to DATABRICKS_HOST (\($0))" } ?? "DATABRICKS_TOKEN is not set"
    throw TargetError(
      "no token for \(url): \(reason)", advice: "set DATABRICKS_TOKEN, or name a profile with --profile")
  }

  // MARK: - Environment

  private func fromEnvironment(_ text: String) throws(TargetError) -> ProviderAccess {
    let source = "environment DATABRICKS_HOST"
    let url = try WorkspaceHost.normalized(text, source: source)
    if let token = try environmentToken() {
      return access(url, source, token: token, tokenSource: "environment DATABRICKS_TOKEN")
    }
    if let name = environment["DATABRICKS_CONFIG_PROFILE"] {
      let profile = try namedProfile(name, namedBy: "environment DATABRICKS_CONFIG_PROFILE")
      if let text = profile.values["host"], try WorkspaceHost.normalized(text, source: profile.place) != url {
        throw TargetError(
          "DATABRICKS_HOST says \(url), and \(profile.place) is for another host",
          advice: "unset DATABRICKS_HOST or DATABRICKS_CONFIG_PROFILE")
      }
      return access(url, source, token: try token(of: profile), tokenSource: profile.place)
    }
    if let plane = try planeAt(url) { return try fromPlane(plane, source: source) }
    throw TargetError(
      "no token for \(url): DATABRICKS_TOKEN is not set",
      advice: "set DATABRICKS_TOKEN, or name a profile with --profile or DATABRICKS_CONFIG_PROFILE")
  }

  /// The environment's token; nil where it has none.
  ///
  /// - Throws: `TargetError` where it asks for a kind of authentication that is not built, or for two at once (Q75).
  private func environmentToken() throws(TargetError) -> String? {
    let others = ["DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_USERNAME", "DATABRICKS_PASSWORD"]
      .filter { environment[$0] != nil }
    let kind = environment["DATABRICKS_AUTH_TYPE"]
    let token = environment["DATABRICKS_TOKEN"]
    if kind == "pat" || (kind == nil && others.isEmpty) { return token }
    if kind == nil, token != nil {
      throw TargetError(
        "the environment configures more than one way to authenticate: DATABRICKS_TOKEN and "
          + others.joined(separator: ", "),
        advice: "unset all but one, or set DATABRICKS_AUTH_TYPE=pat to use the token")
    }
    throw unsupported(kind.map { "DATABRICKS_AUTH_TYPE=\($0)" } ?? others.joined(separator: ", "))
  }

  private func unsupported(_ what: String) -> TargetError {
    TargetError(
      "\(what): only tokens are supported yet; OAuth client credentials come with the Databricks work",
      advice: "use a personal access token or an OAuth access token: set DATABRICKS_TOKEN, or `token` in a profile")
  }

  // MARK: - Profiles

  private struct Profile {
    let values: [String: String]
    /// Such as `profile dev of /home/a/.databrickscfg`.
    let place: String
  }

  /// - Parameter environmentToken: whether `DATABRICKS_TOKEN` outranks the profile's own token, as each attribute of the
  ///   environment outranks the file's. A profile named by flag is meant whole.
  private func fromProfile(
    _ name: String, namedBy: String, environmentToken usesEnvironment: Bool
  ) throws(TargetError) -> ProviderAccess {
    let profile = try namedProfile(name, namedBy: namedBy)
    guard let host = profile.values["host"] else {
      throw TargetError("\(profile.place) has no host", advice: "add a line `host = https://…` to it")
    }
    let url = try WorkspaceHost.normalized(host, source: profile.place)
    if usesEnvironment, let token = try environmentToken() {
      return access(url, profile.place, token: token, tokenSource: "environment DATABRICKS_TOKEN")
    }
    return access(url, profile.place, token: try token(of: profile), tokenSource: profile.place)
  }

  private func token(of profile: Profile) throws(TargetError) -> String {
    let kind = profile.values["auth_type"]
    let others = ["client_id", "client_secret", "username", "password", "azure_client_id", "google_service_account"]
      .filter { profile.values[$0] != nil }
    if let token = profile.values["token"], kind == "pat" || (kind == nil && others.isEmpty) { return token }
    if kind == nil, profile.values["token"] != nil {
      throw TargetError(
        "\(profile.place) configures more than one way to authenticate: token and " + others.joined(separator: ", "),
        advice: "remove all but one, or add `auth_type = pat` to use the token")
    }
    if let kind, kind != "pat" { throw unsupported("\(profile.place), auth_type = \(kind)") }
    if !others.isEmpty { throw unsupported("\(profile.place), \(others.joined(separator: ", "))") }
    throw TargetError("\(profile.place) has no token", advice: "add a line `token = …` to it")
  }

  private func namedProfile(_ name: String, namedBy: String) throws(TargetError) -> Profile {
    let path = configPath
    guard let file = try configFile() else {
      throw TargetError(
        "profile \"\(name)\" (\(namedBy)): there is no file \(path)",
        advice: "create it, or set DATABRICKS_CONFIG_FILE to where it is")
    }
    guard let values = file.profiles.profiles[name] else {
      let names = file.profiles.names
      throw TargetError(
        "profile \"\(name)\" (\(namedBy)) is not in \(path)",
        advice: names.isEmpty ? "the file holds no profiles" : "it holds: \(names.joined(separator: ", "))")
    }
    return Profile(values: values, place: "profile \(name) of \(path)")
  }

  private var configPath: String {
    let home = environment["HOME"] ?? "~"
    guard let path = environment["DATABRICKS_CONFIG_FILE"] else { return home + "/.databrickscfg" }
    return path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
  }

  private func configFile() throws(TargetError) -> (path: String, profiles: ConfigProfiles)? {
    guard let text = try readFile(configPath) else { return nil }
    return (configPath, try ConfigProfiles(parsing: text, path: configPath))
  }

  // MARK: - The plane on this machine

  private func planeAt(_ url: String) throws(TargetError) -> LocalPlane? {
    guard let plane = try findPlane(), plane.url == url else { return nil }
    return plane
  }

  private func fromPlane(
    _ plane: LocalPlane, source: String = "the plane on this machine"
  ) throws(TargetError) -> ProviderAccess {
    let url = try WorkspaceHost.normalized(plane.url, source: "the plane's runtime file")
    guard let token = try readFile(plane.tokenFile)?.trimmed, !token.isEmpty else {
      throw TargetError(
        "the plane at \(url) has no token in \(plane.tokenFile)", advice: "start it again with `setpoint serve`")
    }
    return access(url, source, token: token, tokenSource: plane.tokenFile, isLocalPlane: true)
  }

  private func access(
    _ url: String, _ source: String, token: String, tokenSource: String, isLocalPlane: Bool = false
  ) -> ProviderAccess {
    ProviderAccess(
      target: ProviderTarget(url: url, source: source, tokenSource: tokenSource, isLocalPlane: isLocalPlane),
      token: token)
  }

  private func nothingFound(_ file: (path: String, profiles: ConfigProfiles)?) -> TargetError {
    let names = file?.profiles.names ?? []
    let profiles = names.isEmpty ? "" : ", or name a profile with --profile (\(names.joined(separator: ", ")))"
    return TargetError(
      "no provider: no --host, no DATABRICKS_HOST, no named profile, and no serving plane runs on this machine",
      advice: "start a plane with `setpoint serve`, or set DATABRICKS_HOST and DATABRICKS_TOKEN" + profiles)
  }
}
