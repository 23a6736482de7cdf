internal import Controller
internal import Glibc
internal import History
internal import ServingAPI

extension BudgetFile {
  /// The file for a provider's budget in a state directory, as used by this process.
  static func shared(
    in directory: StateDirectory, for target: ProviderTarget, _ context: CommandContext,
    warn: @escaping @Sendable (String) -> Void
  ) -> BudgetFile {
    BudgetFile(
      directory: directory.path, provider: target.url, writer: "\(getpid())-\(UInt32.random(in: 0...UInt32.max))",
      now: context.now, warn: warn)
  }
}
