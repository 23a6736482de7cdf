/// Which provider a command talks to, and who said so. Commands print it first.
package struct ProviderTarget: Hashable, Sendable, CustomStringConvertible {
  /// Scheme, host, port where it is not the scheme's own, and path if any; no slash at the end.
  package let url: String
  /// Where the address came from, such as `environment DATABRICKS_HOST`.
  package let source: String
  /// Where the token came from, for messages about it; never the token.
  package let tokenSource: String
  /// Whether it is the serving plane on this machine, found by its runtime file.
  package let isLocalPlane: Bool

  package init(url: String, source: String, tokenSource: String, isLocalPlane: Bool = false) {
    self.url = url
    self.source = source
    self.tokenSource = tokenSource
    self.isLocalPlane = isLocalPlane
  }

  package var description: String { "\(url) (\(source))" }

  /// Whether the address is this machine's own.
  var isOnThisMachine: Bool { WorkspaceHost.isLoopback(url) }
}

/// A provider and the right to talk to it. Printed, dumped or logged it shows the target only.
package struct ProviderAccess: Sendable {
  package let target: ProviderTarget
  package let token: String

  package init(target: ProviderTarget, token: String) {
    self.target = target
    self.token = token
  }
}

extension ProviderAccess: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { target.description }
  package var debugDescription: String { target.description }
  package var customMirror: Mirror { Mirror(self, children: ["target": target]) }
}
