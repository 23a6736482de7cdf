internal import Endpoints

// What this machine remembers of a config that is sent for an endpoint that is not there. A hold is a tag, and a deletion takes
// it away; what happened is told all the same.
extension Situation {
  /// That the config failed before, and why it is tried again; empty where it did not, or nobody knows here.
  func formerFailure(of target: Rollout) -> String {
    guard live == nil, let former = memory.revisions.last(where: { $0.digest == target.digest }),
      let failure = former.failureWords
    else { return "" }
    let place = "this config \(failure.what) as revision \(former.number), recorded \(former.recordedAt.text())"
    return Self.joined(failure.why.isEmpty ? place : "\(place): \(failure.why)", whyTriedAgain)
  }

  private var whyTriedAgain: String {
    if heldTag.held != nil { return "it is retried because the manifest has changed" }
    return memory.endpointID == nil
      ? "it is retried because nothing is held" : "it is retried because the endpoint was deleted"
  }
}

extension Revision {
  /// What went wrong with it and was a reason to hold it, and the words on that; nil where nothing did.
  fileprivate var failureWords: (what: String, why: String)? {
    switch outcome {
    case .failed(.ours, let words): ("failed", words)
    case .refused(let words): ("was refused", words)
    case .canceled: ("was canceled at the provider", "")
    case .failed(.theirs, _), .pending, .good, .found, .superseded, .unsent: nil
    }
  }
}
