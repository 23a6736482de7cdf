import Charts
import Testing

@Suite struct TerminalChartTests {
  private static let minute: Int64 = 60_000

  private func chart(_ series: [(String, [Double?])], minutes: Int64 = 10) -> Chart {
    Chart(
      title: "latency", unit: "ms",
      series: series.map { name, values in
        Chart.Series(
          name: name,
          points: values.enumerated().map { Chart.Point(time: Int64($0.offset) * Self.minute, value: $0.element) })
      }, span: 0..<(minutes * Self.minute))
  }

  @Test func `a chart without values says so`() {
    for values in [[], [nil, nil], [Double.nan], [Double.infinity]] as [[Double?]] {
      let lines = TerminalChart(chart([("p50", values)]), width: 60, height: 5).lines
      #expect(lines == ["latency (ms)", "  no data"])
    }
    #expect(TerminalChart(chart([]), width: 60, height: 5).lines == ["latency (ms)", "  no data"])
  }

  @Test func `a constant value is a horizontal line, at its height`() {
    let lines = TerminalChart(
      chart([("p50", Array(repeating: 10, count: 10))]), width: 24, height: 5, characters: .ascii
    ).lines
    #expect(lines[0] == "latency (ms)")
    #expect(lines[1] == " 10 +******************", "the last minute has no point: \(lines.joined(separator: "\n"))")
    #expect(lines[5] == "  0 +")
    #expect(lines[6].hasPrefix("    ++---"))
    #expect(lines[7].hasPrefix("UTC  "))
    #expect(lines[8] == "  * p50")
    #expect(lines.filter { $0.contains("*") }.count == 2, "the line, and the legend")
  }

  @Test func `two series have different marks, which the legend explains without colors`() {
    let lines = TerminalChart(
      chart([("p50", [1, 1, 1, 1]), ("p95", [9, 9, 9, 9])]), width: 60, height: 9
    ).lines
    #expect(lines.last == "  ● p50   ▲ p95")
    let area = lines.dropFirst().dropLast()
    let (low, high) = (area.lastIndex { $0.contains("●") }, area.firstIndex { $0.contains("▲") })
    #expect(low ?? 0 > high ?? .max, "\(lines.joined(separator: "\n"))")
  }

  @Test func `a gap breaks the line`() {
    func cells(_ values: [Double?]) -> Int {
      let lines = TerminalChart(chart([("p50", values)]), width: 80, height: 5, characters: .ascii).lines
      return lines.dropLast().joined().count { $0 == "*" }
    }
    let (whole, broken) = (cells([5, 5, 5, 5, 5, 5, 5]), cells([5, 5, nil, nil, nil, 5, 5]))
    #expect(broken > 0 && broken < whole)
  }

  @Test func `no line is wider than asked for, whatever the values`() {
    let values: [[Double?]] = [
      [1, 2, 3], [-5, 5], [0], [1e-7, 2e-7], [1e14, -1e14], [0.1, nil, 1e9], Array(repeating: 3, count: 5000),
    ]
    for width in [10, 24, 40, 120] {
      for series in values {
        for characters in [TerminalChart.Characters.unicode, .ascii] {
          let all = chart([("a", series), ("b", series.map { $0.map { $0 * 2 } })])
          let one = chart([("a", series)])
          for chart in [all, one] {
            let lines = TerminalChart(chart, width: width, height: 6, characters: characters).lines
            #expect(lines.allSatisfy { $0.count <= max(30, width) }, "\(lines.joined(separator: "\n"))")
            if characters == .ascii { #expect(lines.allSatisfy { $0.allSatisfy(\.isASCII) }) }
          }
        }
      }
    }
  }

  @Test func `points outside of the span are not drawn`() {
    let series = Chart.Series(
      name: "", points: [Chart.Point(time: -1, value: 1e6), Chart.Point(time: 3_600_000, value: 1e6)])
    let outside = Chart(title: "t", series: [series], span: 0..<3_600_000)
    #expect(TerminalChart(outside, width: 60, height: 5).lines == ["t", "  no data"])
  }
}
