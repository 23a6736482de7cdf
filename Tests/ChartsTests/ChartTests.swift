import Charts
import Testing

@Suite struct ChartTests {
  @Test func `a point without a value is a gap`() {
    let series = Chart.Series(name: "p95", points: [Chart.Point(time: 0, value: 1), Chart.Point(time: 1, value: nil)])
    #expect(series.points.compactMap(\.value) == [1])
  }
}
