import CanonicalJSON
import Durations
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
    /// How often to look for a full batch while rows wait, and after how many looks one that is not full is sent.
    var look: Duration = .milliseconds(250)
    var looks = 8
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

  private struct Batch: Sendable {
    var rows: [TelemetryRow]
    var count: Int
    var bytes: Int
  }

  /// The rows of a signal, already in batches: what is sent is taken without a copy of the rest.
  private struct Waiting: Sendable {
    var batches: [Batch] = []
    var rows = 0
    var bytes = 0
    var isSending = false

    mutating func append(_ row: TelemetryRow, _ size: Int, _ limits: Limits) {
      rows += row.count
      bytes += size
      if let last = batches.indices.last, batches[last].count + row.count <= limits.batch,
        batches[last].bytes + size <= limits.batchBytes
      {
        batches[last].rows.append(row)
        batches[last].count += row.count
        batches[last].bytes += size
      } else {
        batches.append(Batch(rows: [row], count: row.count, bytes: size))
      }
    }

    mutating func takeFirst() -> [TelemetryRow]? {
      guard !batches.isEmpty else { return nil }
      let batch = batches.removeFirst()
      rows -= batch.count
      bytes -= batch.bytes
      isSending = true
      return batch.rows
    }
  }

  private struct State: Sendable {
    var waiting: [OTLPSignal: Waiting] = [:]
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
  /// Each rings when a row of its signal comes after there was none.
  private let bells = Dictionary(uniqueKeysWithValues: OTLPSignal.allCases.map { ($0, Doorbell()) })

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
    let size = Self.size(of: row)
    let limits = limits
    let isFirst = state.withLock { state -> Bool in
      let (rows, bytes) = (state.waiting[signal]?.rows ?? 0, state.waiting[signal]?.bytes ?? 0)
      guard rows < limits.rows, bytes + size <= limits.bytes else {
        state.counters.drop(row.count, signal, .bufferFull)
        return false
      }
      state.waiting[signal, default: Waiting()].append(row, size, limits)
      return rows == 0
    }
    if isFirst { bells[signal]?.ring() }
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
    let end = ContinuousClock.now + limit
    while hasWork, ContinuousClock.now < end, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
  }

  private var hasWork: Bool {
    state.withLock { state in state.waiting.values.contains { $0.isSending || $0.rows > 0 } }
  }

  // MARK: Batches

  private func export(_ signal: OTLPSignal) async {
    while !Task.isCancelled {
      if !hasRows(signal) { await bells[signal]?.wait() }
      var looks = 0
      repeat {
        try? await Task.sleep(for: limits.look)
        looks += 1
      } while looks < limits.looks && !isDue(signal) && !Task.isCancelled
      while !Task.isCancelled, let batch = take(signal) {
        await deliver(batch, signal)
        state.withLock { $0.waiting[signal]?.isSending = false }
      }
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

  /// About how much memory a row takes, and how large it is in a request, in bytes.
  private static func size(of row: TelemetryRow) -> Int {
    switch row {
    case .log(let row): 384 + row.body.utf8.count
    case .metric(let row):
      if case .histogram(_, _, _, let counts) = row.value { 768 + 32 * counts.count } else { 768 }
    case .span(let row): 1024 + 64 * row.attributes.count + (row.error?.utf8.count ?? 0)
    case .trace(let trace): 1024 * (trace.spanCount + 1) + (trace.request.error?.utf8.count ?? 0)
    case .request, .payload: 0
    }
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
