internal import Synchronization

/// Accepts a git host's webhook calls if they are signed with the current secret, each only once.
package final class WebhookReceiver: Sendable {
  private let secret: @Sendable () throws -> [UInt8]
  private let seen = Mutex(SeenDeliveries())

  /// - Parameter secret: read for each call, so that a replaced or revoked secret takes effect immediately.
  package init(secret: @escaping @Sendable () throws -> [UInt8]) { self.secret = secret }

  package func response(to hook: ListenerCalls.WebhookRequest) -> ListenerCalls.WebhookResponse {
    let secret: [UInt8]
    do {
      secret = try self.secret()
    } catch {
      return .refused(
        "the webhook secret cannot be read; see the controller's log", "\(error)")
    }
    switch WebhookSignature.check(method: "POST", headers: hook.fields, body: hook.body, secret: secret) {
    case .refused(let why): return .refused(why, nil)
    case .accepted:
      return seen.withLock { $0.remember(hook.body) }
        ? .accepted("syncs the source now")
        : .seen(
          "this delivery was already processed; a sender with its own body format should include a timestamp")
    }
  }
}
