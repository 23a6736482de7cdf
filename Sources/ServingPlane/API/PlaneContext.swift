import HTTPSupport
import Hummingbird
import NIOCore

/// The context of a request. Permissions never depend on the sender's address: a proxy on the same machine would grant
/// them to everyone.
struct PlaneContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel
  /// Who sends the request; nil on the few routes that anybody may call.
  var principal: Principal?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}
