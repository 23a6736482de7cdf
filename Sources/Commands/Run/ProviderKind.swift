internal import Synchronization

/// Whether a controller's provider is a serving plane. It is queried again each time that matters: it may not have
/// responded before, and another one may have taken its address.
package final class ProviderKind: Sendable {
  private let last = Mutex(false)
  private let ask: @Sendable () async -> Bool?

  /// - Parameter ask: returns nil if the provider did not respond.
  package init(ask: @escaping @Sendable () async -> Bool?) { self.ask = ask }

  /// Returns the provider's answer; if it does not respond, its last one, and false if there is none.
  package func isPlane() async -> Bool {
    let answer = await ask()
    return last.withLock { last in
      if let answer { last = answer }
      return last
    }
  }
}
