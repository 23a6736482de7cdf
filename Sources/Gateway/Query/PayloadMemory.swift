import HTTPSupport
import Synchronization

/// The memory for the bodies that are being recorded, of all requests together.
final class PayloadMemory: Sendable {
  private let budget: ByteBudget
  private let lost = Atomic<Int>(0)

  /// - Parameter limit: in bytes.
  init(limit: Int) { budget = ByteBudget(limit: limit) }

  /// The number of requests whose bodies were not recorded because they did not fit.
  var lostCount: Int { lost.load(ordering: .relaxed) }

  /// Takes `count` bytes for a request. If they do not fit, nothing of the request can be recorded, and it is counted.
  func take(_ count: Int) -> Bool {
    if budget.take(count, total: 0) { return true }
    lost.wrappingAdd(1, ordering: .relaxed)
    return false
  }

  func giveBack(_ count: Int) { budget.giveBack(count) }
}
