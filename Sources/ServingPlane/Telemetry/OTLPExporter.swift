import CanonicalJSON
import Durations
import EventFlags
import LibCurl
import Logging
import Scheduling
import ServingAPI
import Synchronization
import Telemetry

/// Exports rows to an OTLP/HTTP receiver, each signal in batches of its own.
///
/// Rows wait in memory, bounded in number and size. What does not fit, and what the receiver does not take after several
/// attempts, is dropped and counted. Nothing ever waits for it.
final class OTLPExporter: TelemetrySink, Sendable {
  struct Limits: Sendable {
    /// The most rows and bytes of a signal that wait.
    var rows = 20_000
    var bytes = 32 << 20
    /// The most rows and bytes of a request.
    var batch = 512
    var batchBytes = 4 << 20
    /// How long rows wait for the rest of a batch.
    var interval: Duration = .seconds(2)
    /// The most attempts for one batch.
    var tries = 10
    var backoff = Backoff(first: .seconds(1), cap: .seconds(30))
    /// The longest pause, whatever the receiver asks for.
    var longestPause: Duration = .seconds(60)
  }

  /// Why rows were dropped.
  enum DropCause: String, Hashable, Sendable {
    case bufferFull = "buffer full"
    /// The receiver refused them, or a part of them.
    case refused
    /// The receiver could not be reached, or was too busy, for too long.
    case unreachable
    /// The plane ended before.
    case ended
  }

  struct Counters: Hashable, Sendable {
    /// Rows that the receiver took.
    var exported: [OTLPSignal: Int] = [:]
    var dropped: [OTLPSignal: [DropCause: Int]] = [:]

    fileprivate mutating func drop(_ count: Int, _ signal: OTLPSignal, _ cause: DropCause) {
      guard count > 0 else { return }
      dropped[signal, default: [:]][cause, default: 0] += count
    }
  }

  private struct State: Sendable {
    var waiting: [OTLPSignal: OTLPBacklog] = [:]
    var counters = Counters()
    /// Whether batches are sent at once, because the plane ends.
    var isEnding = false
    /// How many rows had been dropped for lack of room when the log last said so, and when that was.
    var told: (dropped: Int, at: Duration?) = (0, nil)
  }

  private let target: OTLPTarget
  private let limits: Limits
  private let transport: Transport
  private let timing: Timing
  private let log: Logger
  private let state = Mutex(State())
  /// By signal: set when its first row comes, and when a batch is full or the plane ends.
  private let arrivals = Dictionary(uniqueKeysWithValues: OTLPSignal.allCases.map { ($0, EventFlag()) })
  private let dues = Dictionary(uniqueKeysWithValues: OTLPSignal.allCases.map { ($0, EventFlag()) })
  /// Set when nothing waits any more.
  private let emptied = EventFlag()

  /// - Parameter transport: the network; nil: libcurl, with the environment's proxy.
  init(
    _ target: OTLPTarget, limits: Limits = Limits(), transport: Transport? = nil, timing: Timing = .system, log: Logger
  ) {
    self.target = target
    self.limits = limits
    self.transport = transport ?? HTTPClient().transport
    self.timing = timing
    self.log = log
  }

  var counters: Counters { state.withLock { $0.counters } }

  func add(_ row: TelemetryRow) {
    guard let signal = OTLPSignal(row.table) else { return }
    let size = OTLPBacklog.size(of: row)
    let limits = limits
    let (isFirst, isFull) = state.withLock { state -> (Bool, Bool) in
      // Not a copy of the backlog: the append below would then copy all of it.
      let (before, bytes) = (state.waiting[signal]?.rows ?? 0, state.waiting[signal]?.bytes ?? 0)
      guard before < limits.rows, bytes + size <= limits.bytes else {
        state.counters.drop(row.count, signal, .bufferFull)
        return (false, false)
      }
      state.waiting[signal, default: OTLPBacklog()].append(row, limits)
      let isFull = before < limits.batch && before + row.count >= limits.batch
      return (before == 0, isFull || state.isEnding)
    }
    if isFirst { arrivals[signal]?.set() }
    if isFull { dues[signal]?.set() }
  }

  /// Exports until the task is canceled. What is left then is dropped.
  func run() async {
    await withDiscardingTaskGroup { group in
      for signal in OTLPSignal.allCases { group.addTask { await self.export(signal) } }
    }
    let left = state.withLock { state -> Int in
      var left = 0
      for (signal, waiting) in state.waiting {
        left += waiting.rows
        state.counters.drop(waiting.rows, signal, .ended)
      }
      state.waiting = [:]
      return left
    }
    if left > 0 {
      log.warning("OTLP: not everything was exported before the plane ended", metadata: ["rows": "\(left)"])
    }
  }

  /// Sends what waits, and returns when it was taken or dropped, or after `limit`. To be called while ``run()`` runs.
  func flush(within limit: Duration) async {
    state.withLock { $0.isEnding = true }
    for due in dues.values { due.set() }
    emptied.clear()
    if hasWork { await emptied.wait(atMost: limit) }
  }

  private var hasWork: Bool {
    state.withLock { state in state.waiting.values.contains { $0.isSending || $0.rows > 0 } }
  }

  // MARK: Batches

  private func export(_ signal: OTLPSignal) async {
    guard let arrival = arrivals[signal], let due = dues[signal] else { return }
    while !Task.isCancelled {
      arrival.clear()
      if !hasRows(signal) { await arrival.wait() }
      due.clear()
      if !isDue(signal) { await due.wait(atMost: limits.interval) }
      while !Task.isCancelled, let batch = take(signal) {
        await deliver(batch, signal)
        state.withLock { $0.waiting[signal]?.isSending = false }
      }
      if !hasWork { emptied.set() }
      tellDrops()
    }
  }

  private func hasRows(_ signal: OTLPSignal) -> Bool {
    state.withLock { state in (state.waiting[signal]?.rows ?? 0) > 0 }
  }

  private func isDue(_ signal: OTLPSignal) -> Bool {
    state.withLock { state in state.isEnding || (state.waiting[signal]?.rows ?? 0) >= limits.batch }
  }

  /// Takes the oldest rows; nil if there are none.
  private func take(_ signal: OTLPSignal) -> [TelemetryRow]? {
    state.withLock { $0.waiting[signal]?.takeFirst() }
  }

  // MARK: Delivering

  /// Why an attempt failed.
  private struct Failure {
    let message: String
    let mayPass: Bool
    var retryAfter: Duration?
  }

  private func deliver(_ rows: [TelemetryRow], _ signal: OTLPSignal) async {
    let (destination, count) = (target[signal], rows.rowCount)
    // Up to some hundred kilobytes of JSON: not on the threads that all requests share.
    let body = await BlockingWork.brief.run { OTLPEncoding.body(of: rows, signal).bytes() }
    let request = HTTPRequest(
      method: "POST", url: destination.url,
      headers: [HTTPField("Content-Type", "application/json")] + destination.headers, body: body,
      timeouts: HTTPTimeouts(connect: .seconds(5), idle: .seconds(10), total: .seconds(20)))
    for tried in 1... {
      guard let failure = await attempt(request, count, signal) else { return }
      var told = facts(signal)
      told["error"] = "\(failure.message)"
      guard failure.mayPass, tried < limits.tries, !Task.isCancelled else {
        drop(count, signal, failure.mayPass ? .unreachable : .refused)
        told["rows"] = "\(count)"
        log.error("OTLP: rows dropped", metadata: told)
        return
      }
      let backoff = limits.backoff.delay(afterFailures: tried, chance: timing.jitter())
      let pause = min(max(backoff, failure.retryAfter ?? .zero), limits.longestPause)
      told["pause"] = "\(DurationText.text(pause))"
      log.log(level: tried == 1 ? .warning : .debug, "OTLP: export failed; retrying", metadata: told)
      try? await timing.sleep(pause)
    }
  }

  private func facts(_ signal: OTLPSignal) -> Logger.Metadata { ["signal": "\(signal.rawValue)"] }

  private func drop(_ count: Int, _ signal: OTLPSignal, _ cause: DropCause) {
    state.withLock { $0.counters.drop(count, signal, cause) }
  }

  /// Sends once; returns nil if the receiver has taken the rows, or a part of them.
  private func attempt(_ request: HTTPRequest, _ rows: Int, _ signal: OTLPSignal) async -> Failure? {
    do {
      let response = try await transport(request)
      let body = await Self.beginning(of: response)
      if (200..<300).contains(response.status) {
        note(OTLPPartialSuccess(body), rows, signal)
        return nil
      }
      return Failure(
        message: "the receiver returned \(response.status)", mayPass: [429, 502, 503, 504].contains(response.status),
        retryAfter: RetryAfter.duration(response.headers, secondsSince1970: timing.secondsSince1970()))
    } catch let error as HTTPClientError {
      // Its message names the host at most.
      return Failure(message: error.message, mayPass: error.code != .invalidRequest)
    } catch {
      return Failure(message: "the receiver could not be called", mayPass: true)
    }
  }

  private func note(_ partial: OTLPPartialSuccess, _ rows: Int, _ signal: OTLPSignal) {
    let rejected = min(rows, partial.rejected)
    state.withLock { state in
      state.counters.exported[signal, default: 0] += rows - rejected
      state.counters.drop(rejected, signal, .refused)
    }
    guard rejected > 0 || !partial.message.isEmpty else { return }
    var told = facts(signal)
    told["rejected"] = "\(rejected)"
    told["message"] = "\(partial.message)"
    log.warning("OTLP: the receiver did not take everything", metadata: told)
  }

  /// The first bytes of a response's body; short ones are read to their end, so that the connection can be used again.
  private static func beginning(of response: APIResponse) async -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      for try await piece in response.body {
        bytes += piece
        guard bytes.count < 64 << 10 else { return bytes }
      }
    } catch {
      // The status is enough.
    }
    return bytes
  }

  /// Says at most once a minute that rows did not fit.
  private func tellDrops() {
    let now = timing.elapsed()
    let dropped = state.withLock { state -> Int? in
      let all = state.counters.dropped.values.reduce(0) { $0 + ($1[.bufferFull] ?? 0) }
      guard all > state.told.dropped, state.told.at.map({ now - $0 >= .seconds(60) }) ?? true else { return nil }
      defer { state.told = (all, now) }
      return all - state.told.dropped
    }
    guard let dropped else { return }
    log.warning("OTLP: rows dropped because the receiver is too slow", metadata: ["rows": "\(dropped)"])
  }
}
