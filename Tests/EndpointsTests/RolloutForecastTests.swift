import Endpoints
import Testing

@Suite struct RolloutForecastTests {
  private static let swaps: [(Duration?, String)] = [
    (nil, "no room for both versions: requests wait while replicas are replaced"),
    (
      .milliseconds(300),
      "no room for both versions: requests wait about 5s (last start took 1s) while replicas are replaced"
    ),
    (
      .seconds(38),
      "no room for both versions: requests wait about 40s (last start took 38s) while replicas are replaced"
    ),
    (
      .milliseconds(61_500),
      "no room for both versions: requests wait about 1m10s (last start took 1m2s) while replicas are replaced"
    ),
    (
      .seconds(250),
      "no room for both versions: requests wait about 5m (last start took 4m10s) while replicas are replaced"
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
      #expect(forecast.effect?.contains("40s") == (room == .swap))
    }
  }

  @Test func `a refusal comes before everything else, and nothing known is no sentence`() {
    #expect(
      RolloutForecast(refusal: "it is too large.", room: .both).effect
        == "none: the plane refuses the config: it is too large")
    #expect(RolloutForecast(lastStart: .seconds(38)).effect == nil)
    #expect(RolloutForecast(room: .both).refusedEffect == nil)
    #expect(
      RolloutForecast(refusal: "it is too large.", failsAtOnce: true).effect
        == "none: the plane accepts the config, but its rollout fails at once: it is too large")
  }
}
