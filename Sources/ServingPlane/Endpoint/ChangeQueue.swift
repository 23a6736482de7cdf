/// Lets the changes of a plane's endpoints through one at a time, in the order in which they came. A change that waits for the
/// disk is not overtaken by the next one, and what it decided on stays as it was; who only looks does not wait.
///
/// Belongs to one actor and is used on that actor alone. A change must not wait for another change.
final class ChangeQueue {
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func run<Value, Failure: Error>(
    isolation: isolated (any Actor)? = #isolation, _ change: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    if isBusy {
      // Whoever wakes us leaves the place taken for us.
      await withCheckedContinuation { waiting.append($0) }
    }
    isBusy = true
    defer { pass() }
    return try await change()
  }

  private func pass() {
    guard !waiting.isEmpty else {
      isBusy = false
      return
    }
    waiting.removeFirst().resume()
  }
}
