import Hummingbird
import NIOCore

/// The context of a request. Permissions never depend on the sender's address: a proxy on the same machine would grant
/// them to everyone.
struct PlaneContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}
