internal import ControllerKit
internal import TestKit

/// The fault in one run of a scenario.
enum Disturbance: Hashable, Sendable, CustomStringConvertible {
  case none
  /// At the call with this number.
  case call(Int, WorkspaceDouble.Fault)
  /// The process ends at this commit of the history.
  case commit(CrashingHistory.CrashPoint)
  /// The process ends at one call, and the next process at one of its own.
  case twice(Int, Int)
  /// The source does not report its change.
  case noNotification

  static let busy = WorkspaceDouble.Fault.response(
    status: 429, headers: ["Retry-After": "7"],
    body: #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}"#)
  static let unavailable = WorkspaceDouble.Fault.answer(
    status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "try again later")

  /// Each fault that can hit a call.
  static let faults: [WorkspaceDouble.Fault] = [
    .crashBefore, .crashAfter, .loseRequest, .loseAnswer, .refuseConnection, unavailable, busy, .stale,
  ]

  var description: String {
    switch self {
    case .none: "undisturbed"
    case .call(let number, let fault): "\(Self.words(fault)) at call \(number)"
    case .commit(.before(let number)): "crash right before commit \(number)"
    case .commit(.after(let number)): "crash right after commit \(number)"
    case .twice(let first, let second): "crash after call \(first), and again after call \(second) of the next process"
    case .noNotification: "no notice of the change"
    }
  }

  private static func words(_ fault: WorkspaceDouble.Fault) -> String {
    switch fault {
    case .answer(let status, _, _), .response(let status, _, _): "\(status)"
    default: "\(fault)"
    }
  }

  /// How many more calls may be sent: those that did not arrive, or that nobody remembers as refused.
  var mayRepeat: Int {
    switch self {
    case .none, .noNotification: 0
    case .call, .commit: 1
    case .twice: 2
    }
  }

  /// How many more writes may take effect. A stale copy of an endpoint cannot be distinguished from a manual change, so
  /// the same config or tags may be written once more; a stale list must do no harm at all.
  func mayLand(_ calls: [WorkspaceDouble.Call]) -> Int {
    guard case .call(let number, .stale) = self, calls.indices.contains(number) else { return 0 }
    return calls[number].path.hasSuffix("/serving-endpoints") ? 0 : 1
  }
}
