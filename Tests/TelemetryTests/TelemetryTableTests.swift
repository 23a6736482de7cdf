import Telemetry
import Testing

@Suite struct TelemetryTableTests {
  @Test func `every table has a name of its own in SQL`() {
    #expect(Set(TelemetryTable.allCases.map(\.sqlName)).count == TelemetryTable.allCases.count)
  }
}
