/// Serializes the changes of a plane's endpoints, in order of arrival. No change overtakes one that waits for the disk,
/// so its decision stays valid; reads do not wait.
///
/// Belongs to one actor and is used only on it. A change must not wait for another change.
final class ChangeQueue {
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func run<Value, Failure: Error>(
    isolation: isolated (any Actor)? = #isolation, _ change: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    if isBusy {
      // The change that resumes this one leaves the queue marked as busy.
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
