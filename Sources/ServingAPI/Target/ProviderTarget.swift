/// The provider that a command uses, and the source of that choice. Commands print it first.
package struct ProviderTarget: Hashable, Sendable, CustomStringConvertible {
  /// Scheme, host, port unless it is the scheme's default, and path if any; no trailing slash.
  package let url: String
  /// The source of the address, such as `environment DATABRICKS_HOST`.
  package let source: String
  /// The source of the token, for messages; never the token.
  package let tokenSource: String
  /// The authentication method, such as `oauth-m2m`; empty if it is not worth showing, as for this machine's plane.
  package let authentication: String
  /// Whether it is the serving plane on this machine, found by its runtime file.
  package let isLocalPlane: Bool
  /// The cloud from the environment or the profile, unchanged.
  package let cloud: String?
  /// The Unix socket of a plane on this machine; nil: the address is used. Only the user can listen on it, while anyone
  /// may take the port of a stopped plane, and would receive its token.
  package let socket: String?
  /// The command that starts a plane on this machine again; nil for any other provider.
  package let startCommand: String?

  /// The address in requests. Through the socket, a plane speaks plain HTTP: its certificate is for other machines.
  var requestURL: String {
    let secure = "https://"
    return socket != nil && url.hasPrefix(secure) ? "http://" + url.dropFirst(secure.count) : url
  }

  package init(
    url: String, source: String, tokenSource: String, authentication: String = "", isLocalPlane: Bool = false,
    cloud: String? = nil, socket: String? = nil, startCommand: String? = nil
  ) {
    self.url = url
    self.source = source
    self.tokenSource = tokenSource
    self.authentication = authentication
    self.isLocalPlane = isLocalPlane
    self.cloud = cloud
    self.socket = socket
    self.startCommand = startCommand
  }

  /// `https://h (environment DATABRICKS_HOST), authentication pat: environment DATABRICKS_TOKEN`
  package var description: String {
    authentication.isEmpty
      ? "\(url) (\(source))" : "\(url) (\(source)), authentication \(authentication): \(tokenSource)"
  }

  /// Whether the address belongs to this machine.
  var isOnThisMachine: Bool { WorkspaceHost.isLoopback(url) }
}

/// A provider and its credentials. When printed, dumped or logged, it shows only the target.
package struct ProviderAccess: Sendable {
  package let target: ProviderTarget
  package let credentials: Credentials
  /// The selected workspace, if several share the address.
  package var workspaceID: String?
  /// Resolves the credentials again; a profile's file may have changed since.
  let reread: @Sendable () throws(TargetError) -> Credentials
  let readFile: @Sendable (String) throws(TargetError) -> String?

  init(
    target: ProviderTarget, credentials: Credentials, workspaceID: String? = nil,
    reread: @escaping @Sendable () throws(TargetError) -> Credentials,
    readFile: @escaping @Sendable (String) throws(TargetError) -> String?
  ) {
    self.target = target
    self.credentials = credentials
    self.workspaceID = workspaceID
    self.reread = reread
    self.readFile = readFile
  }

  /// Creates access with one token that does not change.
  package init(target: ProviderTarget, token: String) {
    let credentials = Credentials(.token(Secret(token)), source: target.tokenSource)
    self.init(
      target: target, credentials: credentials, reread: { () throws(TargetError) in credentials },
      readFile: { _ throws(TargetError) in nil })
  }
}

extension ProviderAccess: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { target.description }
  package var debugDescription: String { target.description }
  package var customMirror: Mirror { Mirror(self, children: ["target": target]) }
}
