import Gateway
import Hummingbird
import NIOCore

/// What is known of a request besides itself. No right follows from where it came from: a proxy on the same machine would lend
/// it to everybody.
struct PlaneContext: ConnectionContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}
