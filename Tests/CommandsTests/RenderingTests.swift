import Commands
import Testing

@Suite struct RenderingTests {
  @Test func `a column is as wide as its widest cell, and no line ends in blanks`() {
    var table = Table(["NAME", "STATE", "MESSAGE"])
    table.append(["support-chat", "Ready", ""])
    table.append(["a", "NotReady", "out of\nmemory"])
    #expect(
      table.lines() == [
        "NAME           STATE      MESSAGE",
        "support-chat   Ready",
        "a              NotReady   out of memory",
      ])
  }

  @Test func `colors do not shift columns`() {
    var table = Table(["A", "B"])
    table.append([Table.Cell("x", .good), "y"])
    let palette = Palette(isColoured: true)
    #expect(palette.printed(table.lines(palette)[1]) == "\u{1B}[32mx\u{1B}[0m   y")
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (1_767_225_600_000, "2026-01-01T00:00:00Z"),
      (951_868_799_999, "2000-02-29T23:59:59Z"),
    ] as [(Int64, String)])
  func `times are RFC 3339 in UTC`(milliseconds: Int64, text: String) {
    #expect(TimeText.instant(milliseconds) == text)
  }

  @Test(
    arguments: [
      (-3, "0s", "0s"), (8, "8s", "8s"), (125, "2m05s", "2m"), (3725, "1h02m", "1h"), (273_600, "3d04h", "3d"),
    ] as [(Int64, String, String)])
  func `durations show two units and ages one`(seconds: Int64, span: String, age: String) {
    #expect(TimeText.span(seconds: seconds) == span)
    #expect(TimeText.age(milliseconds: seconds * 1000) == age)
  }

  @Test func `an error shows what happened, where, why and what to do next, and keeps the lines of a log`() {
    let report = ErrorReport(
      "the update of support-chat failed", place: "m.yaml:3:7", why: "exit 1\nValueError: no such model",
      next: "correct the manifest")
    #expect(
      report.lines() == [
        "error: the update of support-chat failed",
        "  where: m.yaml:3:7",
        "  why:   exit 1",
        "         ValueError: no such model",
        "  next:  correct the manifest",
      ])
  }
}
