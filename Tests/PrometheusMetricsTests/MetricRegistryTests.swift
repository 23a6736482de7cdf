import CoreMetrics
import PrometheusMetrics
import TestKit
import Testing

@Suite struct MetricRegistryTests {
  private let registry = MetricRegistry()

  private var text: String {
    var text = PrometheusText()
    registry.write(to: &text)
    return text.text
  }

  private func read() throws -> Exposition { try Exposition(text) }

  @Test func `each kind of metric is shown as Prometheus expects it`() throws {
    Counter(label: "http.requests", dimensions: [("route", "/a")], factory: registry).increment(by: 2)
    FloatingPointCounter(label: "cost", factory: registry).increment(by: 0.5)
    Gauge(label: "temperature", factory: registry).record(-1.5)
    let meter = Meter(label: "active", factory: registry)
    meter.increment(by: 3.0)
    meter.decrement()
    Recorder(label: "body.bytes", factory: registry).record(1500)
    Timer(label: "http.duration", factory: registry).recordMilliseconds(20)
    let read = try read()
    #expect(read.families["http_requests_total"]?.type == "counter")
    #expect(read.families["http_requests_total"]?.help == "Reported by a library as http.requests.")
    #expect(read["http_requests_total", ["route": "/a"]] == 2)
    #expect(read["cost_total"] == 0.5)
    #expect(read.families["temperature"]?.type == "gauge" && read["temperature"] == -1.5)
    #expect(read.families["active"]?.type == "gauge" && read["active"] == 2)
    #expect(read["body_bytes_bucket", ["le": "1000"]] == 0 && read["body_bytes_bucket", ["le": "10000"]] == 1)
    #expect(read["http_duration_seconds_bucket", ["le": "0.01"]] == 0)
    #expect(read["http_duration_seconds_bucket", ["le": "0.025"]] == 1)
    #expect(read["http_duration_seconds_sum"] == 0.02)
  }

  @Test func `the same name and dimensions are one series, in whatever order the dimensions are given`() throws {
    Counter(label: "calls", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
    Counter(label: "calls_total", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
    Counter(label: "calls", dimensions: [("a", "2")], factory: registry).increment()
    let read = try read()
    #expect(read["calls_total", ["a": "1", "b": "2"]] == 2)
    #expect(read["calls_total", ["a": "2"]] == 1)
    #expect(read.families.count == 1)
  }

  @Test(arguments: [
    ("http.server-time", "http_server_time"), ("9lives", "_9lives"), ("", "_"), ("größe", "gr__e"), ("a:b", "a_b"),
  ])
  func `names become valid names`(label: String, name: String) throws {
    Gauge(label: label, dimensions: [(label, "value: \"any\"\n")], factory: registry).record(1)
    #expect(try read()[name, [name: "value: \"any\"\n"]] == 1)
  }

  @Test func `dimensions that would have the same label are not shown twice, and le belongs to the buckets`() throws {
    Timer(label: "t", dimensions: [("a.b", "1"), ("a_b", "2"), ("le", "x")], factory: registry).recordSeconds(1)
    #expect(try read()["t_seconds_count", ["a_b": "1", "exported_le": "x"]] == 1)
  }

  @Test func `a name keeps its first kind, and the text stays valid`() throws {
    Gauge(label: "x", factory: registry).record(1)
    Recorder(label: "x", factory: registry).record(5)
    let read = try read()
    #expect(read.families["x"]?.type == "gauge" && read["x"] == 1)
  }

  @Test func `a counter ignores what would decrease it, and nothing makes a sum useless`() throws {
    let counter = FloatingPointCounter(label: "c", factory: registry)
    for amount in [1, -1, Double.nan, .infinity] { counter.increment(by: amount) }
    let recorder = Recorder(label: "r", factory: registry)
    for value in [1, Double.nan, .infinity] { recorder.record(value) }
    let read = try read()
    #expect(read["c_total"] == 1)
    #expect(read["r_sum"] == 1 && read["r_count"] == 1)
  }

  @Test func `a destroyed metric is not shown any more, and a family goes with its last series`() throws {
    let first = Counter(label: "c", dimensions: [("of", "a")], factory: registry)
    let second = Counter(label: "c", dimensions: [("of", "b")], factory: registry)
    first.destroy()
    let read = try read()
    #expect(read["c_total", ["of": "a"]] == nil && read["c_total", ["of": "b"]] == 0)
    second.destroy()
    #expect(text.isEmpty)
  }

  @Test func `families and series are in the order of their names`() {
    for name in ["b", "a"] {
      for of in ["2", "1"] { Gauge(label: name, dimensions: [("of", of)], factory: registry).record(0) }
    }
    let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(samples == [#"a{of="1"} 0"#, #"a{of="2"} 0"#, #"b{of="1"} 0"#, #"b{of="2"} 0"#])
  }
}
