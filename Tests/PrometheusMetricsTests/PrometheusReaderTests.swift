import PrometheusMetrics
import Testing

@Suite struct PrometheusReaderTests {
  /// As vLLM 0.32 writes them, through Python's client.
  private static let engine = """
    # HELP vllm:num_requests_running Number of requests in model execution batches.
    # TYPE vllm:num_requests_running gauge
    vllm:num_requests_running{engine="0",model_name="m"} 2.0
    vllm:num_requests_running{engine="1",model_name="m"} 3.0
    # HELP vllm:prompt_tokens_total Number of prefill tokens processed.
    # TYPE vllm:prompt_tokens_total counter
    vllm:prompt_tokens_total{engine="0",model_name="m"} 1234.0
    # HELP vllm:prompt_tokens_created Number of prefill tokens processed.
    # TYPE vllm:prompt_tokens_created gauge
    vllm:prompt_tokens_created{engine="0",model_name="m"} 1.7637650e+09
    # HELP vllm:iteration_tokens_total Histogram of number of tokens per engine_step.
    # TYPE vllm:iteration_tokens_total histogram
    vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="m"} 4.0
    vllm:iteration_tokens_total_bucket{engine="0",le="8.0",model_name="m"} 9.0
    vllm:iteration_tokens_total_bucket{engine="0",le="+Inf",model_name="m"} 10.0
    vllm:iteration_tokens_total_count{engine="0",model_name="m"} 10.0
    vllm:iteration_tokens_total_sum{engine="0",model_name="m"} 112.5
    # HELP vllm:iteration_tokens_total_created Histogram of number of tokens per engine_step.
    # TYPE vllm:iteration_tokens_total_created gauge
    vllm:iteration_tokens_total_created{engine="0",model_name="m"} 1.7637651e+09

    """

  private static let labels = ["engine": "0", "model_name": "m"]

  @Test func `an engine's gauges, counters and histograms are read with their starts`() throws {
    let read = PrometheusReader(Self.engine)
    #expect(read.skipped == 0)
    #expect(
      read.families.map(\.name) == [
        "vllm:num_requests_running", "vllm:prompt_tokens_total", "vllm:iteration_tokens_total",
      ])
    let running = try #require(read["vllm:num_requests_running"])
    #expect(running.kind == .gauge && running.help == "Number of requests in model execution batches.")
    #expect(running.samples.map(\.value) == [.number(2), .number(3)])
    let tokens = try #require(read["vllm:prompt_tokens_total"])
    #expect(tokens.kind == .counter)
    #expect(tokens.samples == [.init(labels: Self.labels, value: .number(1234), start: 1_763_765_000)])
    let steps = try #require(read["vllm:iteration_tokens_total"])
    let histogram = ScrapedHistogram(bounds: [1, 8], counts: [4, 5, 1], sum: 112.5, count: 10)
    #expect(steps.kind == .histogram)
    #expect(steps.samples == [.init(labels: Self.labels, value: .histogram(histogram), start: 1_763_765_100)])
  }

  @Test func `a counter whose header is without the suffix keeps its name and its type`() throws {
    let read = PrometheusReader("# HELP a Things.\n# TYPE a counter\na_total 5\n")
    let family = try #require(read["a_total"])
    #expect(family.kind == .counter && family.help == "Things." && family.samples.map(\.value) == [.number(5)])
  }

  @Test(
    arguments: [
      (#"a{b="x\\y\"z\nw"} 1"#, "x\\y\"z\nw"), (#"a{b=""} 1"#, ""), (#"a{ b = "1,}{" , } 1"#, "1,}{"),
      (#"a{b="naïve"} 1"#, "naïve"), (#"a{b="\d"} 1"#, #"\d"#),
    ] as [(String, String)])
  func `label values are read without their escapes`(line: String, value: String) {
    #expect(PrometheusReader(line).families.first?.samples == [.init(labels: ["b": value], value: .number(1))])
  }

  @Test(
    arguments: [
      ("a 1", 1), ("a +Inf", .infinity), ("a -Inf", -.infinity), ("a 1.5e-3", 0.0015), ("a 3 1763765000000", 3),
      (#"a{b="c"} 4 # {trace="t"} 1"#, 4),
    ] as [(String, Double)])
  func `numbers are read, with a time or an exemplar behind them`(line: String, number: Double) {
    #expect(PrometheusReader(line).families.first?.samples.first?.value == .number(number))
  }

  @Test func `a value that is not a number is read as such`() throws {
    let value = try #require(PrometheusReader("a NaN").families.first?.samples.first?.value.number)
    #expect(value.isNaN)
  }

  @Test(
    arguments: [
      "a", "a{", #"a{b="c} 1"#, #"a{b=c} 1"#, #"a{b="c" d="e"} 1"#, "a one", "1a 1", "{} 1", "<html>", #"a{b="\"#,
    ])
  func `a line that cannot be read is skipped and counted, and costs no other`(line: String) {
    let read = PrometheusReader("before 1\n\(line)\nafter 2\n")
    #expect(read.skipped == 1)
    #expect(read.families.map(\.name) == ["before", "after"])
  }

  @Test(
    arguments: [
      // Fewer values up to a larger bound, fewer in all than in a bucket, no number of values.
      "h_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 4\nh_count 5", "h_bucket{le=\"1\"} 5\nh_count 4", "h_sum 3",
      "h_bucket{le=\"1\"} NaN\nh_count 4", "h_count -1",
    ])
  func `a histogram that contradicts itself is skipped and counted`(lines: String) {
    let read = PrometheusReader("# TYPE h histogram\n\(lines)\nafter 2\n")
    #expect(read.skipped == 1)
    #expect(read.families.map(\.name) == ["after"])
  }

  @Test func `comments, empty lines and carriage returns are passed over`() {
    let read = PrometheusReader("# anything\r\n\r\n#\r\n# TYPE\r\n  a 1\r\n")
    #expect(read.skipped == 0)
    #expect(read.families.map(\.name) == ["a"])
  }

  @Test func `what the writer of this module writes is read back`() throws {
    var histogram = Histogram([0.5, 2])
    for value in [0.1, 1, 1, 7] { histogram.observe(value) }
    var text = PrometheusText()
    text.begin("time_seconds", .histogram, "A \\ time\nin two lines.")
    text.sample(PrometheusText.Labels(["of": "a\"b\\c\nd"]), histogram)
    let family = try #require(PrometheusReader(text.text).families.first)
    #expect(family.help == "A \\ time\nin two lines.")
    let value = ScrapedHistogram(bounds: [0.5, 2], counts: [1, 2, 1], sum: 9.1, count: 4)
    #expect(family.samples == [.init(labels: ["of": "a\"b\\c\nd"], value: .histogram(value))])
  }
}
