import PrometheusMetrics
import Telemetry

/// The counted requests to one version of a served entity. A value.
///
/// The bounds of the histograms are those that OpenTelemetry's conventions for generative AI advise.
/// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
struct RequestFigures: Sendable {
  /// The requests for one operation, with one outcome.
  struct Kind: Hashable, Sendable {
    /// `chat`, `text_completion`, `embeddings`, …
    let operation: String
    /// The error's code; nil for an answered request.
    let error: String?
  }

  /// Times are in seconds.
  struct Measures: Sendable {
    /// When the first of them was counted, in nanoseconds since 1970.
    let since: Int64
    var duration = Histogram([
      0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ])
    /// Of streams only.
    var firstToken = Histogram([
      0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ])
    var perToken = Histogram([0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5])
    var inputTokens = Histogram(Self.tokenBounds)
    var outputTokens = Histogram(Self.tokenBounds)

    /// Powers of four, up to 4^13.
    private static let tokenBounds = (0...13).map { (exponent: Int) -> Double in Double((1 as Int) << (2 * exponent)) }

    mutating func add(_ row: RequestRow) {
      duration.observe(row.latency / 1000)
      if let time = row.streamedFirstToken { firstToken.observe(time / 1000) }
      if let time = row.interTokenLatency { perToken.observe(time / 1000) }
      if let tokens = row.tokensIn { inputTokens.observe(Double(tokens)) }
      if let tokens = row.tokensOut { outputTokens.observe(Double(tokens)) }
    }

    mutating func add(_ other: Measures) {
      duration.add(other.duration)
      firstToken.add(other.firstToken)
      perToken.add(other.perToken)
      inputTokens.add(other.inputTokens)
      outputTokens.add(other.outputTokens)
    }
  }

  private(set) var kinds: [Kind: Measures] = [:]
  /// The number of requests by their status's first digit.
  private(set) var statuses: [Int: Int] = [:]
  /// How long they waited for a replica, in seconds.
  private(set) var queue = Histogram([0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600])
  private(set) var minutes: RequestMinutes

  /// Codes of errors beyond this number of kinds are counted together: whatever sends them, they are few series.
  private static let mostKinds = 40
  /// The conventions' word for an error without a code of its own.
  static let otherError = "_OTHER"

  /// - Parameter minute: the current minute since 1970.
  init(minute: Int64) { minutes = RequestMinutes(minute: minute) }

  /// - Parameter time: when it ended, in nanoseconds since 1970.
  mutating func add(_ row: RequestRow, at time: Int64) {
    var kind = Kind(operation: row.operation, error: row.errorCode)
    if kinds.count >= Self.mostKinds, kinds[kind] == nil {
      kind = Kind(operation: kind.operation, error: kind.error.map { _ in Self.otherError })
    }
    kinds[kind, default: Measures(since: time)].add(row)
    statuses[row.status / 100, default: 0] += 1
    queue.observe(row.queue / 1000)
    minutes.add(row, minute: RequestMinutes.minute(of: time))
  }

  /// All kinds together.
  var total: Measures {
    kinds.values.reduce(into: Measures(since: kinds.values.map(\.since).min() ?? 0)) { $0.add($1) }
  }
}

/// The requests that ended in a whole minute, and those of the current one. A value.
struct RequestMinutes: Sendable {
  /// What was counted in one minute. Times are in milliseconds.
  struct Counts: Sendable {
    var requests = 0
    var clientErrors = 0
    var serverErrors = 0
    var latency = Histogram(Self.bounds)
    var prediction = Histogram(Self.bounds)
    var queue = Histogram(Self.bounds)

    private static let bounds: [Double] = [
      5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    ]

    fileprivate mutating func add(_ row: RequestRow) {
      requests += 1
      if (400..<500).contains(row.status) { clientErrors += 1 }
      if row.status >= 500 { serverErrors += 1 }
      latency.observe(row.latency)
      prediction.observe(max(0, row.latency - row.queue))
      queue.observe(row.queue)
    }
  }

  private var minute: Int64
  private var current = Counts()
  private var previous = Counts()

  init(minute: Int64) { self.minute = minute }

  /// The minute since 1970 of a time in nanoseconds.
  static func minute(of time: Int64) -> Int64 { time / 60_000_000_000 }

  mutating func add(_ row: RequestRow, minute: Int64) {
    advance(to: minute)
    current.add(row)
  }

  /// What was counted in the minute before this one.
  func last(before minute: Int64) -> Counts {
    var copy = self
    copy.advance(to: minute)
    return copy.previous
  }

  /// A clock that was set back does not begin a new minute.
  private mutating func advance(to now: Int64) {
    guard now > minute else { return }
    previous = now == minute + 1 ? current : Counts()
    current = Counts()
    minute = now
  }
}
