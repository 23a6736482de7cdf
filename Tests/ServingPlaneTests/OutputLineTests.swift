import Testing

@testable import ServingPlane

@Suite struct OutputLineTests {
  /// 2026-11-21 22:51:00 UTC.
  private static let observed: Int64 = 1_795_301_460_000_000_000
  private static let second: Int64 = 1_000_000_000

  @Test(
    arguments: [
      ("(EngineCore pid=12) INFO 11-21 22:50:24 [core.py:857] text", 9, "INFO"),
      ("WARNING 11-21 22:50:24 [a.py:1] text", 13, "WARNING"), ("ERROR 11-21 22:50:24 [a.py:1] text", 17, "ERROR"),
      ("INFO:     127.0.0.1:5 - \"POST /v1/completions HTTP/1.1\" 200 OK", 9, "INFO"),
      ("CRITICAL:root:text", 21, "CRITICAL"), ("DEBUG 11-21 22:50:24 [a.py:1] text", 5, "DEBUG"),
      ("2026-11-21 22:50:24,123 - name - ERROR - text", 17, "ERROR"),
      ("[2026-11-21 22:50:24] WARNING text", 13, "WARNING"), ("Traceback (most recent call last):", 17, ""),
      ("/a/b.py:12: UserWarning: text", 13, ""), ("INFORMATION is here", 0, ""), ("text INFO text", 0, ""), ("", 0, ""),
    ] as [(String, Int, String)])
  func `a line's severity is its own word's`(line: String, number: Int, text: String) {
    let read = OutputLine(line, observed: Self.observed, zone: 0)
    #expect(read.severity == OutputLine.Severity(number: number, text: text))
    #expect(read.body == line)
  }

  @Test(
    arguments: [
      ("(Worker pid=12) INFO 11-21 22:50:24 [a.py:1] text", 0, -36), ("INFO 11-21 23:50:24 [a.py:1] text", 3600, -36),
      ("INFO 12-31 22:51:00 [a.py:1] text", 0, -325 * 86400), ("2026-11-21 22:50:24,123 text", 0, -36),
      ("2026-11-21T22:50:24Z text", 3600, -36), ("INFO 11-22 00:00:10 [a.py:1] text", 0, 4150),
    ] as [(String, Int64, Int64)])
  func `a line's time is that of the replica's zone, and of the last year that it can be`(
    line: String, zone: Int64, difference: Int64
  ) {
    let read = OutputLine(line, observed: Self.observed, zone: zone)
    #expect(read.time.map { ($0 - Self.observed) / Self.second } == difference)
  }

  @Test(arguments: ["INFO 13-21 22:50:24 text", "INFO 11-21 25:50:24 text", "INFO 1-2 3:4:5 text", "INFO:     text"])
  func `a line without a valid time has none`(line: String) {
    #expect(OutputLine(line, observed: Self.observed, zone: 0).time == nil)
  }

  @Test(
    arguments: [
      ("\u{1B}[32mINFO\u{1B}[0m:     text", "INFO:     text"), ("text\r", "text"),
      ("Loading:   0%\rLoading: 100%\r", "Loading: 100%"), ("\r", ""),
    ] as [(String, String)])
  func `a line is as a terminal shows it in the end`(line: String, shown: String) {
    #expect(OutputLine(line, observed: Self.observed, zone: 0).body == shown)
  }
}
