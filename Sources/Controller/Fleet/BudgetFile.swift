internal import FileSystem
internal import Synchronization

/// The file in which the processes of a state directory share the write budget of one provider.
///
/// If the file cannot be used, this process has its own budget, and warns once: a budget is not a reason to fail.
package final class BudgetFile: Sendable {
  /// The name of this process in the file.
  let writer: String
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64
  private let path: String
  private let warn: @Sendable (String) -> Void
  private let state = Mutex(State())

  private struct State {
    /// What the file contained when this process last read it, with this process's changes.
    var ledger = WriteLedger()
    /// How many times in a row another process had the file locked.
    var misses = 0
    var isToldOfProblem = false
  }

  /// How long another process may keep the file locked before this one continues without it: it is locked only to be
  /// read and written, and callers block a thread while they wait.
  private static let patience: Duration = .milliseconds(10)
  /// The number of misses in a row after which the user is warned.
  private static let mostMisses = 10

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

  /// Changes the contents of the file while no other process does. If they cannot be read now, the last known contents
  /// are changed instead, and written the next time.
  func update<Value: Sendable>(_ body: (inout WriteLedger) -> Value) -> Value {
    state.withLock { state in update(&state, body) }
  }

  private func update<Value: Sendable>(_ state: inout State, _ body: (inout WriteLedger) -> Value) -> Value {
    guard let lock = locked(&state) else { return body(&state.ledger) }
    defer { lock.release() }
    let contents: [UInt8]
    do throws(SystemError) {
      contents = try lock.contents()
    } catch {
      tell("\(error)", &state)
      return body(&state.ledger)
    }
    let former = WriteLedger(parsing: contents)
    if let former { state.ledger = former } else { tell("it is damaged and will be replaced", &state) }
    let value = body(&state.ledger)
    guard state.ledger != former else { return value }
    do throws(SystemError) { try lock.replaceContents(with: state.ledger.bytes) } catch { tell("\(error)", &state) }
    return value
  }

  private func locked(_ state: inout State) -> FileLock? {
    do throws(SystemError) {
      let lock = try FileLock(opening: path)
      if try lock.lock(within: Self.patience) {
        state.misses = 0
        return lock
      }
      state.misses += 1
      if state.misses == Self.mostMisses { tell("another process keeps it locked", &state) }
    } catch {
      tell("\(error)", &state)
    }
    return nil
  }

  private func tell(_ problem: String, _ state: inout State) {
    guard !state.isToldOfProblem else { return }
    state.isToldOfProblem = true
    warn("the write budget is currently not shared with other processes: \(path): \(problem)")
  }
}
