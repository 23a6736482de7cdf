internal import Endpoints
internal import History
internal import Planning

extension ObservedEndpoint {
  /// Whether the provider reports that the last update failed. It does so until the next update (serving-api.md Q32),
  /// even if the failed config is no longer desired.
  var reportsFailure: Bool {
    switch update {
    case .failed, .canceled: true
    case .notUpdating, .inProgress, .unknown: false
    }
  }

  /// Whether a failure that the provider still reports is over: the endpoint is ready, nothing is held, and the config
  /// that failed is no longer desired.
  ///
  /// - Parameters:
  ///   - status: a running controller's report; nil: there is none.
  ///   - memory: what this machine remembers of the endpoint.
  func hasPastFailure(_ status: EndpointStatus?, _ memory: Memory) -> Bool {
    guard reportsFailure, readiness == .ready, HeldTag(tags: tags) == .nothing else { return false }
    if let status { return status.phase == .inSync }
    // A failure is recorded together with its hold, so the hold was lifted afterwards.
    guard memory.attempt == nil, let last = memory.revisions.last else { return false }
    switch last.outcome {
    case .failed(.ours, _), .canceled: return true
    case .failed(.theirs, _), .refused, .pending, .good, .found, .superseded, .unsent: return false
    }
  }
}
