/// What the requests of a span of time have in common. Summaries add up, and are small: figures over days are drawn from
/// them, without reading the requests.
package struct RequestSummary: Hashable, Sendable {
  /// The number of requests by HTTP status.
  package private(set) var statuses: [Int: Int] = [:]
  /// Requests that waited for an endpoint's first replica.
  package private(set) var coldStarts = 0
  /// The sums of the tokens of requests and of answers.
  package private(set) var tokensIn = 0
  package private(set) var tokensOut = 0
  /// The number of requests by finish reason; beyond ``maximumReasons``, the rest counts as `other`.
  package private(set) var finishReasons: [String: Int] = [:]
  /// In milliseconds, of requests that were answered. The time of the queue also counts for those that were not.
  private(set) var latency = LogHistogram()
  /// Of streams only.
  private(set) var timeToFirstToken = LogHistogram()
  private(set) var interTokenLatency = LogHistogram()
  private(set) var queue = LogHistogram()
  /// In tokens, of requests that were answered.
  private(set) var inputLength = LogHistogram()
  private(set) var outputLength = LogHistogram()

  /// An engine, or a server in its place, could invent any number of them.
  private static let maximumReasons = 16
  private static let otherReasons = "other"
  private static let form = 1

  package init() {}

  /// Counts one more request.
  package mutating func add(_ row: RequestRow) {
    statuses[row.status, default: 0] += 1
    if row.isColdStart { coldStarts += 1 }
    tokensIn &+= Self.count(row.tokensIn)
    tokensOut &+= Self.count(row.tokensOut)
    if let reason = row.finishReason { add(1, of: reason) }
    if row.attempts > 0 || row.queue > 0 { queue.add(row.queue) }
    guard row.status < 400 else { return }
    latency.add(row.latency)
    if let time = row.streamedFirstToken { timeToFirstToken.add(time) }
    if let time = row.interTokenLatency { interTokenLatency.add(time) }
    if let tokens = row.tokensIn { inputLength.add(Double(tokens)) }
    if let tokens = row.tokensOut { outputLength.add(Double(tokens)) }
  }

  /// Adds the counts of another span of time.
  package mutating func add(_ other: RequestSummary) {
    statuses.merge(other.statuses, uniquingKeysWith: &+)
    coldStarts &+= other.coldStarts
    tokensIn &+= other.tokensIn
    tokensOut &+= other.tokensOut
    for (reason, count) in other.finishReasons { add(count, of: reason) }
    latency.add(other.latency)
    timeToFirstToken.add(other.timeToFirstToken)
    interTokenLatency.add(other.interTokenLatency)
    queue.add(other.queue)
    inputLength.add(other.inputLength)
    outputLength.add(other.outputLength)
  }

  /// The requests that failed, but not for reasons of the client's: those with a status of 500 or more.
  package var failures: Int { statuses.reduce(0) { $1.key >= 500 ? $0 + $1.value : $0 } }

  /// The median and the 95th percentile of the time to the first token, in milliseconds; nil if no
  /// stream was answered.
  package var firstTokenPercentiles: (p50: Double, p95: Double)? {
    guard let values = timeToFirstToken.percentiles([0.5, 0.95]), values.count == 2 else { return nil }
    return (values[0], values[1])
  }

  private mutating func add(_ count: Int, of reason: String) {
    let isKept = finishReasons[reason] != nil || finishReasons.count < Self.maximumReasons
    finishReasons[isKept ? String(reason.prefix(40)) : Self.otherReasons, default: 0] += count
  }

  private static func count(_ tokens: Int64?) -> Int { Int(max(0, min(tokens ?? 0, 1 << 40))) }

  // MARK: Bytes

  /// The summary in bytes.
  var bytes: [UInt8] {
    var writer = VariableWriter()
    writer.write(Self.form)
    writer.write(statuses)
    for number in [coldStarts, tokensIn, tokensOut] { writer.write(number) }
    writer.write(finishReasons.count)
    for (reason, count) in finishReasons.sorted(by: { $0.key < $1.key }) {
      writer.write(reason)
      writer.write(count)
    }
    for histogram in [latency, timeToFirstToken, interTokenLatency, queue, inputLength, outputLength] {
      writer.write(histogram.counts)
    }
    return writer.bytes
  }

  /// Nil if the bytes are damaged, or in a form of a later version.
  init?(_ bytes: [UInt8]) {
    var reader = VariableReader(bytes)
    do {
      guard try reader.number() == Self.form else { return nil }
      statuses = try reader.counts()
      coldStarts = try reader.number()
      tokensIn = try reader.number()
      tokensOut = try reader.number()
      let reasons = try reader.number()
      for _ in 0..<max(0, min(reasons, Self.maximumReasons + 1)) {
        let reason = try reader.text()
        finishReasons[reason] = try reader.number()
      }
      latency = LogHistogram(counts: try reader.counts())
      timeToFirstToken = LogHistogram(counts: try reader.counts())
      interTokenLatency = LogHistogram(counts: try reader.counts())
      queue = LogHistogram(counts: try reader.counts())
      inputLength = LogHistogram(counts: try reader.counts())
      outputLength = LogHistogram(counts: try reader.counts())
    } catch {
      return nil
    }
  }
}
