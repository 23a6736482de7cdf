import Telemetry
import Testing

@Suite struct TelemetryRetentionTests {
  @Test func `tables that are not named keep the standard`() throws {
    let retention = try TelemetryRetention("requests=90d, logs=12h")
    #expect(retention[.requests] == .seconds(90 * 86400) && retention[.logs] == .seconds(12 * 3600))
    #expect(retention[.spans] == TelemetryRetention.standard[.spans])
    #expect(try TelemetryRetention(retention.text) == retention)
    #expect(TelemetryRetention.standard.text == "requests=30d,logs=7d,metrics=30d,spans=3d,payloads=7d")
  }

  @Test(arguments: [
    ("requests", "not a table with a duration"), ("", "not a table with a duration"),
    ("rows=3d", "\"rows\" is not a telemetry table; use requests, logs"), ("logs=3", "\"3\" is not a valid duration"),
    ("logs=0s", "use one between 1s and 3650d"), ("logs=9999d", "use one between 1s and 3650d"),
    ("logs=1d,logs=2d", "\"logs\" is set twice"),
  ])
  func `what cannot be read is explained`(_ text: String, _ words: String) throws {
    let error = #expect(throws: TelemetryOptionError.self) { try TelemetryRetention(text) }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }
}
