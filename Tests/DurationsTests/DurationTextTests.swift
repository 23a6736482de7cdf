import Durations
import Testing

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("0s", Int64(0)), ("90s", 90), ("60m", 3600), ("1h30m", 5400), ("2h5s", 7205), ("2d", 172_800),
    ("1d1h1m1s", 90_061),
  ])
  func `a duration is days, hours, minutes and seconds in this order`(text: String, seconds: Int64) {
    #expect(DurationText.seconds(text) == seconds)
  }

  @Test(arguments: [
    "", "m", "90", "5x", "1h30", "-3s", "1.5h", "30m1h", "1m1m", "٣s", "9999999999999999d", "99999999999999999999s",
  ])
  func `anything else is not a duration`(text: String) {
    #expect(DurationText.seconds(text) == nil)
  }

  @Test(arguments: [(Int64(0), "0s"), (59, "59s"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m"), (90_061, "1d1h1m1s")])
  func `a printed duration is the shortest that is read back`(seconds: Int64, text: String) {
    #expect(DurationText.text(seconds: seconds) == text)
    #expect(DurationText.seconds(text) == seconds)
    #expect(DurationText.text(.seconds(seconds)) == text)
  }

  @Test(arguments: [
    (250, "0.25s"), (1, "0.001s"), (90_500, "1m30.5s"), (3_600_100, "1h0.1s"), (60_000, "1m"), (0, "0s"), (-1500, "0s"),
  ])
  func `a printed duration shows milliseconds`(milliseconds: Int, text: String) {
    #expect(DurationText.text(.milliseconds(milliseconds)) == text)
  }
}
