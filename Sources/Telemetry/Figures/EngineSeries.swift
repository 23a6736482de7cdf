internal import GRDB

/// The values of an engine's metric over time, from `otel_metrics`: each series is one of a replica.
struct EngineSeries {
  /// A value, and from when until when it was read; milliseconds since 1970.
  struct Sample: Hashable {
    let since: Int64
    let until: Int64
    let value: Double
  }

  private struct Key: Hashable {
    let name: String
    let version: String?
    let replica: String?
    let attributes: String?
  }

  /// How far apart the readings of a metric are.
  private static let reading: Int64 = 15_000
  /// After a longer time without a reading, it is unknown what happened meanwhile.
  private static let longestGap: Int64 = 120_000
  /// The number of series of a metric that may have begun before the window.
  private static let maximumSeries = 256

  private let window: FigureWindow
  private var series: [Key: [Sample]] = [:]

  /// For tests: the samples of series by version.
  init(_ series: [(version: String?, samples: [Sample])], _ window: FigureWindow) {
    self.window = window
    for (number, one) in series.enumerated() {
      self.series[Key(name: "", version: one.version, replica: String(number), attributes: nil)] = one.samples
    }
  }

  /// Reads a metric of an endpoint.
  ///
  /// - Parameter names: those it has in several versions of vLLM.
  init(_ database: Database, _ endpoint: String, _ names: [String], _ window: FigureWindow) throws {
    self.window = window
    for name in names {
      try readBefore(database, endpoint, name)
      let rows = try Row.fetchCursor(
        database, sql: "\(Self.columns) AND time >= ? AND time < ? ORDER BY time",
        arguments: [endpoint, name, window.span.lowerBound, window.span.upperBound])
      while let row = try rows.next() {
        guard let (key, sample) = try Self.read(row, name) else { continue }
        series[key, default: []].append(sample)
      }
    }
  }

  /// The last sample of each series before the window: its value may last into it, and increases are counted from it.
  private mutating func readBefore(_ database: Database, _ endpoint: String, _ name: String) throws {
    let start = window.span.lowerBound
    let rows = try Row.fetchCursor(
      database, sql: "\(Self.columns) AND time < ? ORDER BY time DESC LIMIT \(Self.maximumSeries)",
      arguments: [endpoint, name, start])
    while let row = try rows.next() {
      guard let (key, sample) = try Self.read(row, name), series[key] == nil,
        sample.until >= start - Self.longestGap
      else { continue }
      series[key] = [sample]
    }
  }

  private static let columns = """
    SELECT model_version, replica, attributes, time, until_unix_nano / 1000000, value FROM otel_metrics
      WHERE endpoint = ? AND name = ?
    """

  private static func read(_ row: Row, _ name: String) throws -> (Key, Sample)? {
    guard let value = try row.decode(Double?.self, atIndex: 5) else { return nil }
    let since = try row.decode(Int64.self, atIndex: 3)
    let until = try row.decode(Int64?.self, atIndex: 4) ?? since
    let key = Key(
      name: name, version: try row.decode(String?.self, atIndex: 0), replica: try row.decode(String?.self, atIndex: 1),
      attributes: try row.decode(String?.self, atIndex: 2))
    return (key, Sample(since: since, until: max(since, until), value: value))
  }

  /// The versions that have a value.
  var versions: [String?] { Set(series.keys.map(\.version)).sorted { ($0 ?? "") < ($1 ?? "") } }

  // MARK: Gauges

  /// The sum of the series of a version, each with its mean over time in each step.
  func total(_ version: String?) -> [Double?] { combined(version) { $0.reduce(0, +) } }

  /// The mean of the series of a version.
  func mean(_ version: String?) -> [Double?] { combined(version) { $0.reduce(0, +) / Double($0.count) } }

  /// The highest of the series of a version.
  func most(_ version: String?) -> [Double?] { combined(version) { $0.max() ?? 0 } }

  private func combined(_ version: String?, _ combine: ([Double]) -> Double) -> [Double?] {
    var steps = [[Double]](repeating: [], count: window.count)
    for (key, samples) in series where key.version == version {
      for (index, value) in means(samples).enumerated() {
        if let value { steps[index].append(value) }
      }
    }
    return steps.map { $0.isEmpty ? nil : combine($0) }
  }

  private func means(_ samples: [Sample]) -> [Double?] {
    var sums = [Double](repeating: 0, count: window.count)
    var weights = sums
    for (number, sample) in samples.enumerated() {
      // A value holds until the next reading.
      var end = sample.until + Self.reading
      if number + 1 < samples.count { end = min(end, samples[number + 1].since) }
      guard end > sample.since else { continue }
      window.spread(sample.since..<end) { index, milliseconds in
        sums[index] += sample.value * milliseconds
        weights[index] += milliseconds
      }
    }
    return zip(sums, weights).map { sum, weight in weight > 0 ? sum / weight : nil }
  }

  // MARK: Counters

  /// How much the counters of a version increased per second, all of them together. A counter that is lower than before
  /// began at zero again.
  func rate(_ version: String?) -> [Double?] {
    var increases = [Double](repeating: 0, count: window.count)
    var covered = increases
    for (key, samples) in series where key.version == version {
      var own = [Double](repeating: 0, count: window.count)
      for (number, sample) in samples.enumerated() {
        if sample.until > sample.since {
          window.spread(sample.since..<sample.until) { index, milliseconds in own[index] += milliseconds }
        }
        guard number + 1 < samples.count else { continue }
        let next = samples[number + 1]
        let gap = next.since - sample.until
        guard gap > 0, gap <= Self.longestGap else { continue }
        let increase = next.value >= sample.value ? next.value - sample.value : next.value
        window.spread(sample.until..<next.since) { index, milliseconds in
          increases[index] += increase * milliseconds / Double(gap)
          own[index] += milliseconds
        }
      }
      covered = zip(covered, own).map { max($0, $1) }
    }
    return zip(increases, covered).map { increase, covered in covered > 0 ? increase / covered * 1000 : nil }
  }
}
