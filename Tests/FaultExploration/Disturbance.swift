internal import ControllerKit
internal import TestKit

/// What goes wrong in one run of a scenario.
enum Disturbance: Hashable, Sendable, CustomStringConvertible {
  case none
  /// At the call of this number.
  case call(Int, WorkspaceDouble.Fault)
  /// The process ends at this commit of the history.
  case commit(MortalHistory.Death)
  /// The process ends at a call, and the next one at one of its own.
  case twice(Int, Int)
  /// The source does not say that it changed.
  case noNotice

  static let busy = WorkspaceDouble.Fault.reply(
    status: 429, headers: ["Retry-After": "7"],
    body: #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}"#)
  static let unavailable = WorkspaceDouble.Fault.answer(
    status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "try again later")

  /// Each fault that a call can meet.
  static let faults: [WorkspaceDouble.Fault] = [
    .crashBefore, .crashAfter, .loseRequest, .loseAnswer, .refuseConnection, unavailable, busy, .stale,
  ]

  var description: String {
    switch self {
    case .none: "undisturbed"
    case .call(let number, let fault): "\(Self.words(fault)) at call \(number)"
    case .commit(.before(let number)): "crash right before commit \(number)"
    case .commit(.after(let number)): "crash right after commit \(number)"
    case .twice(let first, let second): "crash after call \(first) and again after the \(second). of the next process"
    case .noNotice: "no notice of the change"
    }
  }

  private static func words(_ fault: WorkspaceDouble.Fault) -> String {
    switch fault {
    case .answer(let status, _, _), .reply(let status, _, _): "\(status)"
    default: "\(fault)"
    }
  }

  /// How many calls more may be sent: those that did not arrive, or of which nobody knows any more that they were refused.
  var mayRepeat: Int {
    switch self {
    case .none, .noNotice: 0
    case .call, .commit: 1
    case .twice: 2
    }
  }

  /// How many writes more may land. An old copy of an endpoint cannot be told from a change by hand, so that the same config
  /// or tags may be put there once more; an old list must do no harm at all.
  func mayLand(_ calls: [WorkspaceDouble.Call]) -> Int {
    guard case .call(let number, .stale) = self, calls.indices.contains(number) else { return 0 }
    return calls[number].path.hasSuffix("/serving-endpoints") ? 0 : 1
  }
}
