/// Which provider a command talks to, and who said so. Commands print it first.
package struct ProviderTarget: Hashable, Sendable, CustomStringConvertible {
  /// Scheme, host, port where it is not the scheme's own, and path if any; no slash at the end.
  package let url: String
  /// Where the address came from, such as `environment DATABRICKS_HOST`.
  package let source: String
  /// Where the token came from, for messages about it; never the token.
  package let tokenSource: String
  /// How one gets in, such as `oauth-m2m`; empty where nobody has to know, as on this machine's plane.
  package let authentication: String
  /// Whether it is the serving plane on this machine, found by its runtime file.
  package let isLocalPlane: Bool
  /// The cloud that environment or profile names, as it stands there.
  package let cloud: String?
  /// The Unix socket through which a plane on this machine is asked; nil: the address itself. Only the user can listen on it,
  /// while anybody may take the port of a plane that is gone, and would be sent its token.
  package let socket: String?

  package init(
    url: String, source: String, tokenSource: String, authentication: String = "", isLocalPlane: Bool = false,
    cloud: String? = nil, socket: String? = nil
  ) {
    self.url = url
    self.source = source
    self.tokenSource = tokenSource
    self.authentication = authentication
    self.isLocalPlane = isLocalPlane
    self.cloud = cloud
    self.socket = socket
  }

  /// `https://h (environment DATABRICKS_HOST), pat: environment DATABRICKS_TOKEN`
  package var description: String {
    authentication.isEmpty ? "\(url) (\(source))" : "\(url) (\(source)), \(authentication): \(tokenSource)"
  }

  /// Whether the address is this machine's own.
  var isOnThisMachine: Bool { WorkspaceHost.isLoopback(url) }
}

/// A provider and the right to talk to it. Printed, dumped or logged it shows the target only.
package struct ProviderAccess: Sendable {
  package let target: ProviderTarget
  package let credentials: Credentials
  /// Which of the workspaces behind one address is meant, where that was said.
  package var workspaceID: String?
  /// What the same question would resolve to now; a profile's file may have been written since.
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

  /// Access by one token that stays as it is.
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
