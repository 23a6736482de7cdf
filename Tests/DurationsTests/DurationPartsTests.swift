import Durations
import Testing

@Suite struct DurationPartsTests {
  @Test(
    arguments: [
      ([4_000, 25_200, 8_800], ["4s", "25s", "9s"], "38s"),
      // Rounded one by one, these would be 4s, 25s and 9s of 37s.
      ([3_600, 24_600, 8_500], ["4s", "25s", "8s"], "37s"),
      ([400, 400, 29_500], ["0s", "0s", "30s"], "30s"),
      ([3_000, 50], ["3s", "0.1s"], "3.1s"),
      ([333, 333, 333], ["0.34s", "0.33s", "0.33s"], "1s"),
      ([90_400, 40_400], ["1m31s", "40s"], "2m11s"),
      ([], [], "0s"), ([-5, 0], ["0s", "0s"], "0s"),
    ] as [([Int64], [String], String)])
  func `durations are rounded so that they add up to their sum`(
    milliseconds: [Int64], parts: [String], sum: String
  ) {
    let shown = DurationParts(milliseconds: milliseconds)
    #expect(shown.parts == parts && shown.sum == sum)
  }

  @Test func `absurd durations are shown too`() {
    let shown = DurationParts(milliseconds: [.max, .max, .min])
    #expect(shown.parts.count == 3 && shown.parts[2] == "0s")
  }
}
