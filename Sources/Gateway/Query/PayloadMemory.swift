import HTTPSupport

/// The memory for the bodies that are being recorded, of all requests together.
final class PayloadMemory: Sendable {
  private let budget: ByteBudget

  /// - Parameter limit: in bytes.
  init(limit: Int) { budget = ByteBudget(limit: limit) }

  /// Takes `count` bytes for a request; returns whether they fit. Otherwise nothing of the request can be recorded.
  func take(_ count: Int) -> Bool { budget.take(count, total: 0) }

  func giveBack(_ count: Int) { budget.giveBack(count) }
}
