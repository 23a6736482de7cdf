import HTTPSupport
import Hummingbird

/// The context of a request. Permissions never depend on the sender's address: a proxy on the same machine would grant
/// them to everyone.
struct PlaneContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Who sends the request; nil on the few routes that anybody may call.
  var principal: Principal?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
  }
}
