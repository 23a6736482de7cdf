package import NIOCore

/// Tells those who do something long for a client that the client has gone.
package enum ClientWatch {
  /// - Parameters:
  ///   - channel: the client's connection; what watched it before does so no longer.
  ///   - act: called once at most, on any thread.
  package static func onDeparture(from channel: any Channel, _ act: @escaping @Sendable () -> Void) {
    let departure = Departure()
    departure.whenLeft(act)
    channel.eventLoop.execute { ClientPresence.watch(channel, departure) }
  }
}
