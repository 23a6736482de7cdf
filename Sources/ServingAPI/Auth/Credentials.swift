/// What a provider is shown to let somebody in, and who said so.
package struct Credentials: Hashable, Sendable {
  /// The ways to authenticate, by the words of Databricks' own tools (`auth_type`).
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case pat
    case oauthM2M = "oauth-m2m"
    case envOIDC = "env-oidc"
    case fileOIDC = "file-oidc"
    case githubOIDC = "github-oidc"
  }

  package enum Proof: Hashable, Sendable {
    /// Sent with each call as it is: a personal access token, or an OAuth token that somebody else renews.
    case token(Secret)
    /// OAuth client credentials of a service principal, which buy tokens that live about an hour.
    case client(id: String, secret: Secret)
    /// A token of another identity provider, exchanged for one of the workspace. The client is the service principal
    /// whose federation policy applies; none where the account's policy does.
    case federation(IdentitySource, clientID: String?)
  }

  package let proof: Proof
  /// Where they came from, such as `environment DATABRICKS_TOKEN`; never the secret.
  package let source: String
  /// The account, where it was said; a part of some token endpoints.
  package var accountID: String?
  /// Whom an identity token is to be made out to; nil leaves it to what the host says.
  package var audience: String?
  /// Where the token endpoint is described; nil: where the host says.
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

  /// Whether a refused token can be replaced by asking for another one.
  var isRenewable: Bool { kind != .pat }

  /// Who is let in by them, and how, for messages: `OAuth client 4f1a… (environment DATABRICKS_CLIENT_ID)`.
  package var whose: String {
    switch proof {
    case .token: source
    case .client(let id, _): "OAuth client \(id) (\(source))"
    case .federation(let identity, let client):
      "\(identity.name)" + (client.map { ", exchanged for service principal \($0)" } ?? "") + " (\(source))"
    }
  }
}

/// Where a token of another identity provider is found.
package enum IdentitySource: Hashable, Sendable {
  /// In the environment variable of that name, as it was when the process started.
  case environment(name: String, token: Secret)
  /// In a file, which is read again for each exchange: whoever writes it renews it (a projected service-account token).
  case file(path: String)
  /// At GitHub's own service, for a job that may ask for one.
  case github(url: String, token: Secret)

  /// As messages name it.
  var name: String {
    switch self {
    case .environment(let name, _): "the OIDC token in \(name)"
    case .file(let path): "the OIDC token in \(path)"
    case .github: "GitHub's OIDC token of this job"
    }
  }
}
