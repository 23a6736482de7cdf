internal import FileSystem
internal import Synchronization

/// The file in which the processes of a state directory share the write budget of one provider.
///
/// If it cannot be used, the budget is this process's own, and the user is told once: a budget is no reason to fail.
package final class BudgetFile: Sendable {
  /// The name of this process in the file.
  let writer: String
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64
  private let path: String
  private let warn: @Sendable (String) -> Void
  private let isToldOfProblem = Mutex(false)

  /// How long another process may keep the file locked.
  private static let patience: Duration = .seconds(1)

  /// - Parameters:
  ///   - directory: the state directory, which has to exist.
  ///   - provider: the URL of the provider whose limit it is.
  ///   - writer: different for each process; without blanks.
  ///   - now: milliseconds since 1970.
  package init(
    directory: String, provider: String, writer: String, now: @escaping @Sendable () -> Int64,
    warn: @escaping @Sendable (String) -> Void
  ) {
    path = "\(directory)/\(ProviderFileName.name("write-budget", provider: provider))"
    self.writer = writer
    self.now = now
    self.warn = warn
  }

  /// Changes what the file contains while no other process does.
  func update<Value>(_ body: (inout WriteLedger) -> Value) -> Value {
    var ledger = WriteLedger()
    guard let lock = locked() else { return body(&ledger) }
    defer { lock.release() }
    do throws(SystemError) {
      if let read = WriteLedger(parsing: try lock.contents()) {
        ledger = read
      } else {
        tell("it is damaged, and is started anew")
      }
    } catch {
      tell("\(error)")
    }
    let former = ledger
    let value = body(&ledger)
    guard ledger != former else { return value }
    do throws(SystemError) { try lock.replaceContents(with: ledger.bytes) } catch { tell("\(error)") }
    return value
  }

  private func locked() -> FileLock? {
    do throws(SystemError) {
      let lock = try FileLock(opening: path)
      if try lock.lock(within: Self.patience) { return lock }
      tell("another process keeps it locked")
    } catch {
      tell("\(error)")
    }
    return nil
  }

  private func tell(_ problem: String) {
    let isKnown = isToldOfProblem.withLock { isTold in
      defer { isTold = true }
      return isTold
    }
    if !isKnown { warn("the write budget is not shared with other processes for now: \(path): \(problem)") }
  }
}
