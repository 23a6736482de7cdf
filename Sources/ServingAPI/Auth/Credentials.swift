/// The credentials for a provider, and their source.
package struct Credentials: Hashable, Sendable {
  /// The authentication methods, by the names that Databricks' own tools use (`auth_type`).
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case pat
    case oauthM2M = "oauth-m2m"
    case envOIDC = "env-oidc"
    case fileOIDC = "file-oidc"
    case githubOIDC = "github-oidc"
  }

  package enum Proof: Hashable, Sendable {
    /// Sent with each call unchanged: a personal access token, or an OAuth token that another program renews.
    case token(Secret)
    /// OAuth client credentials of a service principal, exchanged for tokens that are valid for about an hour.
    case client(id: String, secret: Secret)
    /// A token of another identity provider, exchanged for one of the workspace. The client is the service principal
    /// whose federation policy applies; nil if the account's policy does.
    case federation(IdentitySource, clientID: String?)
  }

  package let proof: Proof
  /// The source, such as `environment DATABRICKS_TOKEN`; never the secret.
  package let source: String
  /// The account, if given; part of some token endpoints.
  package var accountID: String?
  /// The audience that an identity token must have; nil: as the host says.
  package var audience: String?
  /// Where the token endpoint is described; nil: as the host says.
  package var discoveryURL: String?

  package init(_ proof: Proof, source: String) {
    self.proof = proof
    self.source = source
  }

  package var kind: Kind {
    switch proof {
    case .token: .pat
    case .client: .oauthM2M
    case .federation(.environment, _): .envOIDC
    case .federation(.file, _): .fileOIDC
    case .federation(.github, _): .githubOIDC
    }
  }

  /// Whether a refused token can be replaced by requesting another one.
  var isRenewable: Bool { kind != .pat }

  /// The identity and the source, for messages: `OAuth client 4f1a… (environment DATABRICKS_CLIENT_ID)`.
  package var whose: String {
    switch proof {
    case .token: source
    case .client(let id, _): "OAuth client \(id) (\(source))"
    case .federation(let identity, let client):
      "\(identity.name)" + (client.map { ", exchanged for service principal \($0)" } ?? "") + " (\(source))"
    }
  }
}

/// The source of an identity provider's token.
package enum IdentitySource: Hashable, Sendable {
  /// The environment variable of that name, as it was when the process started.
  case environment(name: String, token: Secret)
  /// A file that is read again for each exchange, because another program renews it (a projected service-account
  /// token).
  case file(path: String)
  /// GitHub's own service, for a job that may request one.
  case github(url: String, token: Secret)

  /// The name in messages.
  var name: String {
    switch self {
    case .environment(let name, _): "the OIDC token in \(name)"
    case .file(let path): "the OIDC token in \(path)"
    case .github: "GitHub's OIDC token of this job"
    }
  }
}
