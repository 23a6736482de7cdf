internal import Endpoints

// What this machine remembers of a config that is sent for a missing endpoint. A hold is a tag and is deleted with the
// endpoint; the earlier failure is reported all the same.
extension DecisionContext {
  /// Returns the config's earlier failure and why it is retried; empty if none is known here.
  func previousFailure(of target: Rollout) -> String {
    guard live == nil, let former = memory.revisions.last(where: { $0.digest == target.digest }),
      let failure = former.failureText
    else { return "" }
    let place = "this config \(failure.what) as revision \(former.number), recorded \(former.recordedAt.text())"
    return Self.joined(failure.why.isEmpty ? place : "\(place): \(failure.why)", retryReason)
  }

  private var retryReason: String {
    if heldTag.held != nil { return "it is retried because the manifest has changed" }
    return memory.endpointID == nil
      ? "it is retried because nothing is held" : "it is retried because the endpoint was deleted"
  }
}

extension Revision {
  /// The failure that was a reason to hold the revision, and its explanation; nil if there was none.
  fileprivate var failureText: (what: String, why: String)? {
    switch outcome {
    case .failed(.ours, let words): ("failed", words)
    case .refused(let words): ("was refused", words)
    case .canceled: ("was canceled at the provider", "")
    case .failed(.theirs, _), .pending, .good, .found, .superseded, .unsent: nil
    }
  }
}
