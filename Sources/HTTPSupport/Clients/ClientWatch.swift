package import NIOCore

/// Notifies long-running work when its client has left.
package enum ClientWatch {
  /// - Parameters:
  ///   - channel: the client's connection; replaces any earlier watch on it.
  ///   - act: called at most once, on any thread.
  package static func onDisconnect(from channel: any Channel, _ act: @escaping @Sendable () -> Void) {
    let disconnect = ClientDisconnect()
    disconnect.onDisconnect(act)
    channel.eventLoop.execute { ClientDisconnectHandler.watch(channel, disconnect) }
  }
}
