/// Everything that was said about authentication, each thing with who said it. Of two that say the same thing the one
/// that is asked first counts: the environment before a profile, as in Databricks' own tools (serving-api.md 1.6).
struct AuthSettings {
  /// What can be said, by its name in a profile.
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

    /// The environment's names for it, the first one first. Azure's and Google's variables are other tools' as well:
    /// that they are set says nothing about how to come in here.
    var variables: [String] {
      switch self {
      case .azureClientID, .googleServiceAccount: []
      case .oidcTokenFile: ["DATABRICKS_OIDC_TOKEN_FILEPATH", "DATABRICKS_OIDC_TOKEN_FILE"]
      default: ["DATABRICKS_" + rawValue.uppercased()]
      }
    }
  }

  struct Said: Hashable {
    let value: String
    /// Such as `environment DATABRICKS_TOKEN` or `profile dev of /home/a/.databrickscfg`.
    let place: String
    /// The same with the name of what was said, such as `token in profile dev of /home/a/.databrickscfg`.
    let name: String
  }

  private var said: [Key: Said] = [:]
  /// Whether the environment was asked, so that what it holds for any tool of Databricks counts too.
  private(set) var includesEnvironment = false

  subscript(key: Key) -> Said? { said[key] }

  /// What the environment says. Its empty variables are taken for missing ones before this.
  init(environment: [String: String]) {
    includesEnvironment = true
    for key in Key.allCases {
      guard let variable = key.variables.first(where: { environment[$0] != nil }), let value = environment[variable]
      else { continue }
      let place = "environment \(variable)"
      said[key] = Said(value: value.trimmed, place: place, name: place)
    }
  }

  /// What a profile says.
  init(profile values: [String: String], place: String) {
    for key in Key.allCases {
      guard let value = values[key.rawValue] else { continue }
      said[key] = Said(value: value, place: place, name: "\(key.rawValue) in \(place)")
    }
  }

  /// This, and what another one says where this says nothing.
  func over(_ other: AuthSettings) -> AuthSettings {
    var merged = self
    merged.said.merge(other.said) { mine, _ in mine }
    merged.includesEnvironment = includesEnvironment || other.includesEnvironment
    return merged
  }
}
