import Testing

@testable import Telemetry

@Suite struct EngineSeriesTests {
  /// Ten steps of a minute.
  private static let window = FigureWindow(0..<600_000, step: 60_000)

  private func samples(_ values: [(seconds: Int64, value: Double)]) -> [EngineSeries.Sample] {
    values.map { EngineSeries.Sample(since: $0.seconds * 1000, until: $0.seconds * 1000, value: $0.value) }
  }

  private func series(_ all: [[EngineSeries.Sample]]) -> EngineSeries {
    EngineSeries(all.map { (version: "1", samples: $0) }, Self.window)
  }

  /// Readings of a counter, every fifteen seconds.
  private func readings(_ range: Range<Int64>, value: (Int64) -> Double) -> [(seconds: Int64, value: Double)] {
    (range.lowerBound / 15..<range.upperBound / 15).map { ($0 * 15, value($0 * 15)) }
  }

  @Test func `a counter is a rate`() {
    let rates = series([samples(readings(0..<600) { Double($0) * 4 })]).rate("1")
    #expect(rates.count == 10)
    for rate in rates { #expect(abs((rate ?? 0) - 4) < 1e-9) }
  }

  @Test func `a counter that began again at zero counts from there`() {
    let rates = series([samples(readings(0..<600) { $0 < 300 ? Double($0) * 4 : Double($0 - 300) * 4 })]).rate("1")
    for (index, rate) in rates.enumerated() {
      #expect((rate ?? -1) >= 0 && (rate ?? 9) < 4.001, "\(index)")
      if index != 4, index != 5 { #expect(abs((rate ?? 0) - 4) < 1e-9, "\(index)") }
    }
  }

  @Test func `the rates of replicas add up`() {
    let one = samples(readings(0..<600) { Double($0) })
    let other = samples(readings(0..<600) { Double($0) * 2 })
    for rate in series([one, other]).rate("1") { #expect(abs((rate ?? 0) - 3) < 1e-9) }
  }

  @Test func `nothing is known about a time without readings`() {
    let values = readings(0..<120) { Double($0) } + readings(480..<600) { Double($0) }
    let rates = series([samples(values)]).rate("1")
    #expect(rates[3] == nil && rates[5] == nil && rates[7] == nil)
    #expect(rates[0] != nil && rates[9] != nil)
    let gauge = series([samples(values)]).total("1")
    #expect(gauge[4] == nil && gauge[0] != nil)
  }

  @Test func `a value that does not change lasts as long as it was read`() {
    let flat = EngineSeries.Sample(since: -60_000, until: 600_000, value: 3)
    #expect(series([[flat]]).total("1") == Array(repeating: 3, count: 10))
    #expect(series([[flat]]).rate("1") == Array(repeating: 0, count: 10))
  }

  @Test func `gauges are summed, averaged or compared by replica`() {
    func flat(_ value: Double) -> [EngineSeries.Sample] {
      [EngineSeries.Sample(since: 0, until: 600_000, value: value)]
    }
    let both = series([flat(1), flat(5)])
    #expect(both.total("1").first == 6)
    #expect(both.mean("1").first == 3)
    #expect(both.most("1").first == 5)
    #expect(both.total("2").first == .some(nil))
  }

  @Test func `values are read from the store, also those from before the window`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(folder.metric(.gauge(2)))
      await store.flush()
      let start = folder.time.milliseconds
      folder.time.advance(.seconds(600))
      store.add(folder.metric(.gauge(2)))
      store.add(folder.metric(.gauge(9), attributes: ["engine": "1"]))
      await store.flush()
      let window = FigureWindow((start + 300_000)..<(start + 615_000), step: 60_000)
      let figures = try await store.read { try EndpointFigures("support", window).read($0) }
      let running = figures.first { $0.name == "engine_requests" }?.series.first
      #expect(running?.name == "running" && running?.version == "3")
      #expect(running?.values.first == 2)
      #expect(running?.values.last == 11, "both engines: \(running?.values ?? [])")
    }
  }
}
