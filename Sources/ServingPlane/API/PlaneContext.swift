import Gateway
import Hummingbird
import NIOCore

/// What is known of a request besides itself.
struct PlaneContext: ConnectionContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }

  /// Whether the client is on this machine.
  var isLocal: Bool {
    switch channel.remoteAddress {
    case .unixDomainSocket: true
    case .v4: channel.remoteAddress?.ipAddress?.hasPrefix("127.") == true
    case .v6: ["::1", "::ffff:127.0.0.1"].contains(channel.remoteAddress?.ipAddress)
    case nil: false
    }
  }
}
