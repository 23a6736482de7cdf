internal import Durations
internal import GRDB
internal import Synchronization

/// The time limit of a query.
struct QueryDeadline: Sendable {
  let timeout: Duration
  /// What to do if the time was too short: `read fewer rows`.
  let advice: String

  /// Runs a query, and stops it when its time is over.
  ///
  /// - Parameter reader: a connection that nobody else uses meanwhile. The query gets no transaction: an interruption
  ///   cannot leave one open.
  /// - Throws: ``SQLError`` if the time was too short; otherwise what the query throws.
  func run<Value: Sendable>(
    on reader: DatabaseQueue, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    let alarm = Alarm()
    let outcome = await withTaskGroup(of: Void.self) { group -> Result<Value, any Error> in
      group.addTask {
        guard (try? await Task.sleep(for: timeout)) != nil else { return }
        alarm.ring()
        // An interruption has no effect before the statement has begun, so it is repeated until it has ended.
        while !Task.isCancelled {
          reader.interrupt()
          try? await Task.sleep(for: .milliseconds(20))
        }
      }
      let outcome = await Self.outcome(on: reader, body)
      group.cancelAll()
      return outcome
    }
    if case .failure = outcome, alarm.hasRung {
      throw SQLError(.timeout, "the query was stopped after \(DurationText.text(timeout)); \(advice)")
    }
    return try outcome.get()
  }

  private static func outcome<Value: Sendable>(
    on reader: DatabaseQueue, _ body: @escaping @Sendable (Database) throws -> Value
  ) async -> Result<Value, any Error> {
    do { return .success(try await reader.unsafeRead(body)) } catch { return .failure(error) }
  }
}

/// Whether the time of a query is over.
private final class Alarm: Sendable {
  private let rung = Atomic<Bool>(false)

  var hasRung: Bool { rung.load(ordering: .acquiring) }

  func ring() { rung.store(true, ordering: .releasing) }
}
