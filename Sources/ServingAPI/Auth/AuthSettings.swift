/// All authentication settings, each with its source. If two sources provide the same setting, the first one wins: the
/// environment before a profile, as in Databricks' own tools (serving-api.md 1.6).
struct AuthSettings {
  /// A setting, by its name in a profile.
  enum Key: String, CaseIterable {
    case token, username, password, cloud
    case clientID = "client_id"
    case clientSecret = "client_secret"
    case authType = "auth_type"
    case accountID = "account_id"
    case workspaceID = "workspace_id"
    case oidcTokenEnv = "oidc_token_env"
    case oidcTokenFile = "oidc_token_filepath"
    case tokenAudience = "token_audience"
    case discoveryURL = "discovery_url"
    case azureClientID = "azure_client_id"
    case googleServiceAccount = "google_service_account"

    /// The environment variables for it, the first one first. Azure's and Google's variables are also used by other
    /// tools: that they are set says nothing about how to authenticate here.
    var variables: [String] {
      switch self {
      case .azureClientID, .googleServiceAccount: []
      case .oidcTokenFile: ["DATABRICKS_OIDC_TOKEN_FILEPATH", "DATABRICKS_OIDC_TOKEN_FILE"]
      default: ["DATABRICKS_" + rawValue.uppercased()]
      }
    }
  }

  struct Setting: Hashable {
    let value: String
    /// Such as `environment DATABRICKS_TOKEN` or `profile dev of /home/a/.databrickscfg`.
    let place: String
    /// The name of the setting and its source, such as `token in profile dev of /home/a/.databrickscfg`.
    let name: String
  }

  private var settings: [Key: Setting] = [:]
  /// Whether the environment is included, so that variables for any Databricks tool count too.
  private(set) var includesEnvironment = false

  subscript(key: Key) -> Setting? { settings[key] }

  /// Creates the settings of the environment, from which empty variables have been removed.
  init(environment: [String: String]) {
    includesEnvironment = true
    for key in Key.allCases {
      guard let variable = key.variables.first(where: { environment[$0] != nil }), let value = environment[variable]
      else { continue }
      let place = "environment \(variable)"
      settings[key] = Setting(value: value.trimmed, place: place, name: place)
    }
  }

  /// Creates the settings of a profile.
  init(profile values: [String: String], place: String) {
    for key in Key.allCases {
      guard let value = values[key.rawValue] else { continue }
      settings[key] = Setting(value: value, place: place, name: "\(key.rawValue) in \(place)")
    }
  }

  /// Returns these settings, completed by another one's.
  func over(_ other: AuthSettings) -> AuthSettings {
    var merged = self
    merged.settings.merge(other.settings) { mine, _ in mine }
    merged.includesEnvironment = includesEnvironment || other.includesEnvironment
    return merged
  }
}
