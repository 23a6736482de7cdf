import Endpoints
import Testing

@Suite struct RolloutForecastTests {
  private static let swaps: [(Duration?, String)] = [
    (nil, "no room for both versions: requests wait while replicas are replaced"),
    (
      .milliseconds(300),
      "no room for both versions: requests wait about 5 s (last start took 1 s) while replicas are replaced"
    ),
    (
      .seconds(38),
      "no room for both versions: requests wait about 40 s (last start took 38 s) while replicas are replaced"
    ),
    (
      .milliseconds(61_500),
      "no room for both versions: requests wait about 70 s (last start took 62 s) while replicas are replaced"
    ),
    (
      .seconds(250),
      "no room for both versions: requests wait about 5 min (last start took 4 min 10 s) while replicas are replaced"
    ),
  ]

  @Test(arguments: swaps)
  func `a swap names about how long requests wait, from the last start`(lastStart: Duration?, words: String) {
    #expect(RolloutForecast(room: .swap, lastStart: lastStart).effect == words)
  }

  @Test func `only a swap makes requests wait`() {
    for room in RolloutForecast.Room.allCases {
      let forecast = RolloutForecast(room: room, lastStart: .seconds(38))
      #expect((forecast.expectedWaitSeconds == 40) == (room == .swap))
      #expect(forecast.effect?.contains("40 s") == (room == .swap))
    }
  }

  @Test func `a refusal comes before everything else, and nothing known is no sentence`() {
    #expect(
      RolloutForecast(refusal: "it is too large.", room: .both).effect
        == "none: the plane refuses the config: it is too large")
    #expect(RolloutForecast(lastStart: .seconds(38)).effect == nil)
    #expect(RolloutForecast(room: .both).refusedEffect == nil)
  }
}
