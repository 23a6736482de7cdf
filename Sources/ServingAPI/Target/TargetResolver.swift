internal import Endpoints

/// Decides which provider a command uses: flags, then the environment, then a named profile, then the plane on this
/// machine. Pure: the environment is a dictionary, and files are read through a closure.
package struct TargetResolver: Sendable {
  private let environment: [String: String]
  private let readFile: @Sendable (String) throws(TargetError) -> String?
  private let runtimeDirectory: String
  private let findPlanes: @Sendable () throws(TargetError) -> LocalPlanes

  /// - Parameters:
  ///   - environment: variables; an empty one counts as not set, as in Databricks' own tools.
  ///   - readFile: returns a file's text; nil if it does not exist.
  ///   - runtimeDirectory: the directory of the planes' sockets.
  ///   - findPlanes: the planes on this machine.
  package init(
    environment: [String: String], readFile: @escaping @Sendable (String) throws(TargetError) -> String?,
    runtimeDirectory: String = "/run/setpoint",
    findPlanes: @escaping @Sendable () throws(TargetError) -> LocalPlanes = { () throws(TargetError) in LocalPlanes() }
  ) {
    self.environment = environment.filter { !$0.value.trimmed.isEmpty }
    self.readFile = readFile
    self.runtimeDirectory = runtimeDirectory
    self.findPlanes = findPlanes
  }

  /// Returns the provider and its credentials.
  ///
  /// - Parameters:
  ///   - host: the flag `--host`.
  ///   - profile: the flag `--profile`.
  /// - Throws: `TargetError`, which says what to do next.
  package func resolve(host: String? = nil, profile: String? = nil) throws(TargetError) -> ProviderAccess {
    let found = try find(host: host, profile: profile)
    return ProviderAccess(
      target: found.target, credentials: found.credentials, workspaceID: found.workspaceID,
      reread: { () throws(TargetError) -> Credentials in
        let now = try find(host: host, profile: profile)
        guard now.target.url == found.target.url else {
          throw TargetError(
            "\(now.target.source) now names \(now.target.url), but this command started with \(found.target.url)",
            advice: "run the command again to use it")
        }
        return now.credentials
      }, readFile: readFile)
  }

  private struct Found {
    let target: ProviderTarget
    let credentials: Credentials
    var workspaceID: String?
  }

  private func find(host: String?, profile: String?) throws(TargetError) -> Found {
    if let host { return try fromHostFlag(host, profile: profile) }
    if let profile { return try fromProfile(profile, namedBy: "flag --profile", isWhole: true) }
    if let host = environment["DATABRICKS_HOST"] { return try fromEnvironment(host) }
    if let name = environment["DATABRICKS_CONFIG_PROFILE"] {
      return try fromProfile(name, namedBy: "environment DATABRICKS_CONFIG_PROFILE", isWhole: false)
    }
    if let variable = Self.variablesForAHost.first(where: { environment[$0] != nil }) {
      throw TargetError(
        "\(variable) is set, but DATABRICKS_HOST is not",
        advice: "set DATABRICKS_HOST to the workspace or plane that it is for, or unset \(variable)")
    }
    let file = try configFile()
    if let file, let name = file.profiles.defaultProfile {
      return try fromProfile(name, namedBy: "default_profile of \(file.path)", isWhole: false)
    }
    if let plane = try onlyPlane() { return try fromPlane(plane) }
    throw nothingFound(file, last: try findPlanes().stopped)
  }

  /// Setting one of these implies a host.
  private static let variablesForAHost = [
    "DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "DATABRICKS_USERNAME", "DATABRICKS_PASSWORD",
  ]

  // MARK: - Flags

  /// Returns the credentials for a host given by flag: the named profile's, else the environment's if they are for the
  /// same host, else the plane's if the host is the plane's address. A token is never sent to a host that it was not
  /// given for.
  private func fromHostFlag(_ text: String, profile name: String?) throws(TargetError) -> Found {
    let source = "flag --host"
    let url = try WorkspaceHost.normalized(text, source: source)
    if let name {
      let profile = try namedProfile(name, namedBy: "flag --profile")
      if let text = profile.values["host"], try WorkspaceHost.normalized(text, source: profile.place) != url {
        throw TargetError(
          "--host is \(url), but \(profile.place) is for another host", advice: "use only one of them")
      }
      return try found(url, source, profile.settings, in: profile)
    }
    let otherHost = try environment["DATABRICKS_HOST"].map { text throws(TargetError) in
      try WorkspaceHost.normalized(text, source: "environment DATABRICKS_HOST")
    }
    if otherHost == nil || otherHost == url, let found = try found(url, source, environmentSettings) { return found }
    if let plane = try planeAt(url) { return try fromPlane(plane, source: source) }
    let reason =
      otherHost.map { "the environment's credentials belong to DATABRICKS_HOST (\($0))" }
      ?? "DATABRICKS_TOKEN is not set"
    throw nothingToShow(url, reason, advice: "or choose a profile with --profile")
  }

  // MARK: - Environment

  private var environmentSettings: AuthSettings { AuthSettings(environment: environment) }

  private func fromEnvironment(_ text: String) throws(TargetError) -> Found {
    let source = "environment DATABRICKS_HOST"
    let url = try WorkspaceHost.normalized(text, source: source)
    var settings = environmentSettings
    if let name = environment["DATABRICKS_CONFIG_PROFILE"] {
      let profile = try namedProfile(name, namedBy: "environment DATABRICKS_CONFIG_PROFILE")
      if let text = profile.values["host"], try WorkspaceHost.normalized(text, source: profile.place) != url {
        throw TargetError(
          "DATABRICKS_HOST is \(url), but \(profile.place) is for another host",
          advice: "unset DATABRICKS_HOST or DATABRICKS_CONFIG_PROFILE")
      }
      settings = settings.over(profile.settings)
    }
    if let found = try found(url, source, settings) { return found }
    if let plane = try planeAt(url) { return try fromPlane(plane, source: source) }
    throw nothingToShow(
      url, "DATABRICKS_TOKEN is not set", advice: "or choose a profile with --profile or DATABRICKS_CONFIG_PROFILE")
  }

  /// Returns nil if the settings contain no credentials.
  private func found(_ url: String, _ source: String, _ settings: AuthSettings) throws(TargetError) -> Found? {
    guard let credentials = try CredentialsChoice(settings: settings, environment: environment).choose() else {
      return nil
    }
    let target = ProviderTarget(
      url: url, source: source, tokenSource: credentials.whose, authentication: credentials.kind.rawValue,
      cloud: settings[.cloud]?.value)
    return Found(target: target, credentials: credentials, workspaceID: settings[.workspaceID]?.value)
  }

  private func nothingToShow(_ url: String, _ reason: String, advice: String) -> TargetError {
    TargetError(
      "no token for \(url): \(reason)",
      advice: "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, \(advice)")
  }

  // MARK: - Profiles

  private struct Profile {
    let values: [String: String]
    /// Such as `profile dev of /home/a/.databrickscfg`.
    let place: String

    var settings: AuthSettings { AuthSettings(profile: values, place: place) }
  }

  /// - Parameter isWhole: whether only the profile counts, as for one named by flag; otherwise the environment's
  ///   settings take precedence over the file's.
  private func fromProfile(_ name: String, namedBy: String, isWhole: Bool) throws(TargetError) -> Found {
    let profile = try namedProfile(name, namedBy: namedBy)
    guard let host = profile.values["host"] else {
      throw TargetError("\(profile.place) has no host", advice: "add a line \"host = https://…\" to it")
    }
    let url = try WorkspaceHost.normalized(host, source: profile.place)
    let settings = isWhole ? profile.settings : environmentSettings.over(profile.settings)
    return try found(url, profile.place, settings, in: profile)
  }

  private func found(
    _ url: String, _ source: String, _ settings: AuthSettings, in profile: Profile
  ) throws(TargetError) -> Found {
    if let found = try found(url, source, settings) { return found }
    throw TargetError(
      "\(profile.place) has no token",
      advice: "add a line \"token = …\" to it, or \"client_id = …\" and \"client_secret = …\"")
  }

  private func namedProfile(_ name: String, namedBy: String) throws(TargetError) -> Profile {
    let path = configPath
    guard let file = try configFile() else {
      throw TargetError(
        "profile \"\(name)\" (\(namedBy)): file not found: \(path)",
        advice: "create it, or set DATABRICKS_CONFIG_FILE to its path")
    }
    guard let values = file.profiles.profiles[name] else {
      let names = file.profiles.names
      throw TargetError(
        "profile \"\(name)\" (\(namedBy)) is not in \(path)",
        advice: names.isEmpty ? "the file contains no profiles" : Choices.advice(names))
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

  /// The only plane running here; nil if none has ever announced itself.
  ///
  /// - Throws: `TargetError` if several are running, or if all announced ones are gone.
  private func onlyPlane() throws(TargetError) -> LocalPlane? {
    let planes = try findPlanes()
    if planes.running.count > 1 {
      throw choice(
        of: planes.running, "\(planes.running.count) serving planes are running on this machine; choose one")
    }
    if let gone = planes.gone.first, planes.running.isEmpty { throw notRunning(gone) }
    return planes.running.first
  }

  private func planeAt(_ url: String) throws(TargetError) -> LocalPlane? {
    let planes = try findPlanes()
    if let plane = planes.running.first(where: { $0.url == url }) { return plane }
    let meant = planes.running.filter { WorkspaceHost.leads(url, toPlaneAt: $0.url) }
    if meant.count > 1 { throw choice(of: meant, "\(url) matches \(meant.count) serving planes") }
    if let plane = meant.first { return plane }
    let absent = planes.gone + [planes.stopped].compactMap(\.self)
    if let plane = absent.first(where: { WorkspaceHost.leads(url, toPlaneAt: $0.url) }) { throw notRunning(plane) }
    return nil
  }

  private func choice(of planes: [LocalPlane], _ what: String) -> TargetError {
    let list = planes.map { "\n    --host \($0.url)  (data in \($0.dataDirectory))" }.joined()
    return TargetError(what, advice: "choose one with --host or DATABRICKS_HOST:\(list)")
  }

  private func notRunning(_ plane: LocalPlane) -> TargetError {
    TargetError(
      "the serving plane at \(plane.url) is not running (it was process \(plane.processID), data in \(plane.dataDirectory))",
      advice: "start it again with \"\(plane.startCommand)\", or choose another provider with --host",
      stoppedPlane: Self.address(of: plane))
  }

  /// The address under which the plane's endpoints are recorded.
  private static func address(of plane: LocalPlane) -> String {
    (try? WorkspaceHost.normalized(plane.url, source: "the plane's runtime file")) ?? plane.url
  }

  private func fromPlane(
    _ plane: LocalPlane, source: String = "the plane on this machine"
  ) throws(TargetError) -> Found {
    let url = try WorkspaceHost.normalized(plane.url, source: "the plane's runtime file")
    guard let token = try readFile(plane.tokenFile)?.trimmed, !token.isEmpty else {
      throw TargetError(
        "the plane at \(url) has no token in \(plane.tokenFile)",
        advice: "stop it, and start it again with \"\(plane.startCommand)\"")
    }
    return Found(
      target: ProviderTarget(
        url: url, source: source, tokenSource: plane.tokenFile, isLocalPlane: true,
        socket: plane.socket(in: runtimeDirectory), startCommand: plane.startCommand),
      credentials: Credentials(.token(Secret(token)), source: plane.tokenFile))
  }

  /// - Parameter last: the plane that was stopped last.
  private func nothingFound(_ file: (path: String, profiles: ConfigProfiles)?, last: LocalPlane?) -> TargetError {
    let names = file?.profiles.names ?? []
    let profiles = names.isEmpty ? "" : ", or choose a profile with --profile (\(names.joined(separator: ", ")))"
    let start =
      last.map { "start the last plane again with \"\($0.startCommand)\"" } ?? "start a plane with \"setpoint serve\""
    return TargetError(
      "no provider: no --host, no DATABRICKS_HOST, no named profile, and no serving plane running on this machine",
      advice: "\(start), or set DATABRICKS_HOST and DATABRICKS_TOKEN" + profiles,
      stoppedPlane: last.map(Self.address))
  }
}
