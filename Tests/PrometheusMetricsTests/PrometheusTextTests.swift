import PrometheusMetrics
import TestKit
import Testing

@Suite struct PrometheusTextTests {
  @Test func `a histogram's buckets count everything up to and including their bound`() throws {
    var histogram = Histogram([0.025, 0.05, 0.1, 5, 600])
    for milliseconds in [50, 51, 5000, 3_600_000] { histogram.observe(.milliseconds(milliseconds)) }
    var text = PrometheusText()
    text.begin("time_seconds", .histogram, "A time.")
    text.sample(PrometheusText.Labels(["of": "a"]), histogram)
    let read = try Exposition(text.text)
    func bucket(_ bound: String) -> Double? { read["time_seconds_bucket", ["of": "a", "le": bound]] }
    #expect(bucket("0.025") == 0)
    #expect(bucket("0.05") == 1)
    #expect(bucket("0.1") == 2)
    #expect(bucket("5") == 3)
    #expect(bucket("600") == 3)
    #expect(bucket("+Inf") == 4)
    #expect(read["time_seconds_count", ["of": "a"]] == 4)
    let sum = try #require(read["time_seconds_sum", ["of": "a"]])
    #expect(abs(sum - 3605.101) < 1e-9)
  }

  @Test func `a histogram that another program reported is written as it was`() {
    var text = PrometheusText()
    text.begin("a", .histogram, "A.")
    text.sample(
      PrometheusText.Labels(), ScrapedHistogram(bounds: [1, 2], counts: [3, 0, 4], sum: 30.5, count: 7))
    #expect(
      text.text.hasSuffix(
        """
        a_bucket{le="1"} 3
        a_bucket{le="2"} 3
        a_bucket{le="+Inf"} 7
        a_sum 30.5
        a_count 7

        """))
  }

  @Test func `OpenMetrics has bounds with a fraction and an end mark`() {
    var histogram = Histogram([1, 2.5])
    histogram.observe(2)
    var text = PrometheusText(.openMetrics)
    text.begin("a", .histogram, "A.")
    text.sample(PrometheusText.Labels(), histogram)
    #expect(
      text.finished == """
        # HELP a A.
        # TYPE a histogram
        a_bucket{le="1.0"} 0
        a_bucket{le="2.5"} 1
        a_bucket{le="+Inf"} 1
        a_sum 2
        a_count 1
        # EOF

        """)
    var plain = PrometheusText()
    plain.begin("a", .gauge, "A.")
    #expect(plain.finished == plain.text)
  }

  @Test func `histograms with the same bounds can be added`() {
    var (one, other) = (Histogram([1, 2]), Histogram([1, 2]))
    one.observe(0.5)
    other.observe(1.5)
    other.observe(9)
    one.add(other)
    #expect(one.counts == [1, 1] && one.count == 3 && one.sum == 11)
    let before = one
    one.add(Histogram([1]))
    #expect(one == before)
  }

  @Test(arguments: ["a\"b", "a\\b", "a\nb", "a\\", "\"", "naïve {x=\"1\"} 2", ""])
  func `any label value is escaped so that it reads back unchanged`(value: String) throws {
    var text = PrometheusText()
    text.begin("a", .gauge, "Help with a \\ and\na line break.")
    text.sample(PrometheusText.Labels(["of": value]), true)
    let read = try Exposition(text.text)
    #expect(read["a", ["of": value]] == 1)
    #expect(read.families["a"]?.help == "Help with a \\\\ and\\na line break.")
  }

  @Test(
    arguments: [
      (0.0, "0"), (-3, "-3"), (0.25, "0.25"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    ] as [(Double, String)])
  func `numbers are written as Prometheus reads them`(value: Double, written: String) {
    var text = PrometheusText()
    text.begin("a", .gauge, "A.")
    text.sample(PrometheusText.Labels(), value)
    #expect(text.text == "# HELP a A.\n# TYPE a gauge\na \(written)\n")
  }
}
