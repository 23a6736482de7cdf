import CanonicalJSON
import LibCurl
import Telemetry
import Testing

/// What is sent to an OTLP/HTTP receiver, and where to.
@Suite struct OTLPTests {
  private static let resource = TelemetryResource(
    endpoint: "chat", entity: "main", model: "qwen", modelVersion: "3", replica: "r1")

  @Test func `a log record has its times as text, its severity and its line`() throws {
    let log = LogRow(
      observedTime: 1_795_301_460_123_456_789, time: 1_795_301_460_000_000_000, severityNumber: 13,
      severityText: "WARNING", body: "slow", resource: Self.resource)
    let bare = LogRow(
      observedTime: 5, time: nil, severityNumber: 0, severityText: "", body: "", resource: Self.resource)
    let body = OTLPEncoding.body(of: [.log(log), .log(bare)], .logs)
    let records = try #require(body["resourceLogs"]?.arrayValue?.first?["scopeLogs"]?.arrayValue?.first)
    let expected: JSONValue = [
      [
        "timeUnixNano": "1795301460000000000", "observedTimeUnixNano": "1795301460123456789", "severityNumber": 13,
        "severityText": "WARNING", "body": ["stringValue": "slow"],
      ],
      ["observedTimeUnixNano": "5", "body": ["stringValue": ""]],
    ]
    #expect(records["logRecords"] == expected)
    let scope: JSONValue = ["name": "setpoint"]
    #expect(records["scope"] == scope)
  }

  @Test func `rows of one resource are together, and it has the names of the conventions`() throws {
    var other = Self.resource
    other.replica = "r2"
    let rows = [Self.resource, other, Self.resource, TelemetryResource(endpoint: "")].map { resource in
      TelemetryRow.log(
        LogRow(observedTime: 1, time: nil, severityNumber: 9, severityText: "INFO", body: "a", resource: resource))
    }
    let groups = try #require(OTLPEncoding.body(of: rows, .logs)["resourceLogs"]?.arrayValue)
    #expect(groups.count == 3)
    #expect(groups.first?["scopeLogs"]?.arrayValue?.first?["logRecords"]?.arrayValue?.count == 2)
    let expected = [
      ("service.name", "chat"), ("service.instance.id", "r1"), ("service.version", "3"), ("setpoint.entity", "main"),
      ("setpoint.model", "qwen"),
    ].map { name, value -> JSONValue in ["key": .string(name), "value": ["stringValue": .string(value)]] }
    #expect(groups.first?["resource"]?["attributes"]?.arrayValue == expected)
    let plane: JSONValue = [["key": "service.name", "value": ["stringValue": "setpoint"]]]
    #expect(groups.last?["resource"]?["attributes"] == plane)
  }

  @Test func `data points with the same name are one metric, with cumulative sums and histograms`() throws {
    func row(_ name: String, _ value: MetricRow.Value, _ attributes: [String: String] = [:]) -> TelemetryRow {
      .metric(
        MetricRow(
          time: 20, startTime: 10, name: name, description: "About.", unit: "s", value: value, attributes: attributes,
          resource: Self.resource))
    }
    let rows = [
      row("a", .gauge(1.5), ["engine": "0"]), row("b", .sum(2, isMonotonic: true)), row("a", .gauge(2)),
      row("c", .histogram(count: 3, sum: 4.5, bounds: [1, 2], counts: [1, 0, 2])),
    ]
    let body = OTLPEncoding.body(of: rows, .metrics)
    let metrics = try #require(
      body["resourceMetrics"]?.arrayValue?.first?["scopeMetrics"]?.arrayValue?.first?["metrics"]?.arrayValue)
    let expected: [JSONValue] = [
      [
        "name": "a", "description": "About.", "unit": "s",
        "gauge": [
          "dataPoints": [
            [
              "attributes": [["key": "engine", "value": ["stringValue": "0"]]], "startTimeUnixNano": "10",
              "timeUnixNano": "20", "asDouble": 1.5,
            ], ["startTimeUnixNano": "10", "timeUnixNano": "20", "asDouble": .double(2)],
          ]
        ],
      ],
      [
        "name": "b", "description": "About.", "unit": "s",
        "sum": [
          "dataPoints": [["startTimeUnixNano": "10", "timeUnixNano": "20", "asDouble": .double(2)]],
          "aggregationTemporality": 2, "isMonotonic": true,
        ],
      ],
      [
        "name": "c", "description": "About.", "unit": "s",
        "histogram": [
          "dataPoints": [
            [
              "startTimeUnixNano": "10", "timeUnixNano": "20", "count": "3", "sum": 4.5,
              "explicitBounds": [.double(1), .double(2)], "bucketCounts": ["1", "0", "2"],
            ]
          ], "aggregationTemporality": 2,
        ],
      ],
    ]
    #expect(metrics == expected)
  }

  @Test func `a span has its IDs in hexadecimal digits, its kind as a number and typed attributes`() throws {
    let span = SpanRow(
      traceID: String(repeating: "a", count: 32), spanID: String(repeating: "b", count: 16),
      parentSpanID: String(repeating: "c", count: 16), name: "chat chat", kind: .server, startTime: 1, endTime: 2,
      attributes: ["n": 7, "list": ["stop"], "flag": true, "ms": 1.5], error: "late", resource: Self.resource)
    let body = OTLPEncoding.body(of: [.span(span)], .traces)
    let encoded = try #require(
      body["resourceSpans"]?.arrayValue?.first?["scopeSpans"]?.arrayValue?.first?["spans"]?.arrayValue?.first)
    #expect(encoded["traceId"] == .string(span.traceID) && encoded["spanId"] == .string(span.spanID))
    #expect(encoded["parentSpanId"] == "cccccccccccccccc" && encoded["kind"] == 2)
    #expect(encoded["startTimeUnixNano"] == "1" && encoded["endTimeUnixNano"] == "2")
    let status: JSONValue = ["code": 2, "message": "late"]
    #expect(encoded["status"] == status)
    let attributes: JSONValue = [
      ["key": "flag", "value": ["boolValue": true]],
      ["key": "list", "value": ["arrayValue": ["values": [["stringValue": "stop"]]]]],
      ["key": "ms", "value": ["doubleValue": 1.5]], ["key": "n", "value": ["intValue": "7"]],
    ]
    #expect(encoded["attributes"] == attributes)
  }

  @Test func `requests and bodies are not exported as they are`() {
    #expect(OTLPSignal(.requests) == nil && OTLPSignal(.payloads) == nil)
    let exported = TelemetryTable.allCases.compactMap { OTLPSignal($0) }
    #expect(Set(exported) == Set(OTLPSignal.allCases))
  }

  // MARK: Where to

  @Test func `each signal has its path below the address, unless a variable names another`() throws {
    let target = try OTLPTarget(
      "http://collector:4318/", environment: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces.example.com/in"])
    #expect(target[.logs].url == "http://collector:4318/v1/logs")
    #expect(target[.metrics].url == "http://collector:4318/v1/metrics")
    #expect(target[.traces].url == "https://traces.example.com/in")
  }

  @Test func `header fields come from the variables, and those of a signal replace the common ones`() throws {
    let target = try OTLPTarget(
      "https://collector",
      environment: [
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc=, x-team = ml ,",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "authorization=other",
      ])
    #expect(target[.metrics].headers == [HTTPField("Authorization", "Basic abc="), HTTPField("x-team", "ml")])
    #expect(target[.logs].headers == [HTTPField("x-team", "ml"), HTTPField("authorization", "other")])
    #expect(OTLPTarget.headerVariables.contains("OTEL_EXPORTER_OTLP_LOGS_HEADERS"))
  }

  @Test(arguments: [
    "", "collector:4318", "ftp://collector", "http://", "http:///v1", "http://a b", "http://collector?x=1",
    "http://user:hunter2@collector",
  ])
  func `an address that cannot be used is refused, without its password`(text: String) {
    let error = #expect(throws: TelemetryOptionError.self) { try OTLPTarget(text, environment: [:]) }
    #expect(error?.description.contains("hunter2") == false)
  }

  @Test(arguments: ["hunter2", "=hunter2", "a b=hunter2", "host=hunter2", "x=hunter2%0A", "x=hunter2%FF"])
  func `header fields that cannot be sent are refused, without their values`(text: String) {
    let environment = ["OTEL_EXPORTER_OTLP_HEADERS": text]
    let error = #expect(throws: TelemetryOptionError.self) {
      try OTLPTarget("http://collector", environment: environment)
    }
    #expect(error?.description.contains("hunter2") == false)
    #expect(error?.description.contains("OTEL_EXPORTER_OTLP_HEADERS") == true)
  }
}
