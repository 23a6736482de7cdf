import Endpoints
import ServingAPI
import Testing

@Suite struct UpdateWaitTests {
  private static let old = config("1")
  private static let new = config("2")
  private static let foreign = config("9")

  private static func config(_ version: String) -> EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: version)])
  }

  private static func observed(
    active: (Int64, EndpointConfig)?, pending: (Int64, EndpointConfig)? = nil, _ readiness: Readiness = .ready,
    update: UpdateState, words: String = ""
  ) -> Observed {
    let deployments = words.isEmpty ? [:] : ["m-2": ObservedConfig.Deployment(state: "S", message: words)]
    return .present(
      ObservedEndpoint(
        name: "e", id: "1", active: active.map { ObservedConfig(version: $0.0, config: $0.1) },
        pending: pending.map { ObservedConfig(version: $0.0, config: $0.1, deployments: deployments) },
        readiness: readiness, update: update))
  }

  /// An update from version 4 to the announced version 5.
  @Test(arguments: [
    (observed(active: (5, new), update: .notUpdating), UpdateWait.Evaluation.done, "active and ready"),
    (observed(active: (5, new), .notReady, update: .notUpdating), .waiting([:]), "active, not ready"),
    (
      observed(active: (5, new), .unknown("NEARLY"), update: .notUpdating), .waiting([:]),
      "an unknown readiness"
    ),
    (
      observed(active: (4, old), pending: (5, new), update: .inProgress, words: "pulling"),
      .waiting(["m-2": "pulling"]),
      "in progress"
    ),
    (
      observed(active: (4, old), pending: (5, new), update: .unknown("THINKING")), .waiting([:]),
      "an unknown state"
    ),
    (observed(active: (4, old), update: .notUpdating), .waiting([:]), "a stale read"),
    (observed(active: nil, .notReady, update: .notUpdating), .waiting([:]), "an empty endpoint is not a success"),
    (
      observed(active: (4, old), pending: (5, new), update: .failed, words: "OOM"), .failed(["m-2": "OOM"]),
      "failed, shown"
    ),
    (observed(active: (4, old), update: .failed), .failed([:]), "failed, no longer shown"),
    (observed(active: nil, .notReady, update: .failed), .failed([:]), "the first deployment failed"),
    (observed(active: (4, old), update: .canceled), .cancelled, "canceled"),
    (observed(active: (4, old), pending: (6, foreign), update: .inProgress), .superseded, "another one in progress"),
    (observed(active: (6, foreign), update: .notUpdating), .superseded, "another one active"),
    (observed(active: (6, new), update: .notUpdating), .done, "sent again by another client"),
    (observed(active: (5, new), update: .failed), .done, "a failure that a later attempt left"),
    (.absent, .vanished, "deleted"),
  ])
  func `an observation is judged by the announced version`(
    observed: Observed, expected: UpdateWait.Evaluation, what: String
  ) {
    #expect(UpdateWait(announcedVersion: 5, wanted: Self.new).evaluate(observed) == expected)
  }

  @Test func `without an announced version, the config's content decides`() {
    let wait = UpdateWait(announcedVersion: nil, wanted: Self.new)
    #expect(wait.evaluate(Self.observed(active: (5, Self.new), update: .notUpdating)) == .done)
    #expect(wait.evaluate(Self.observed(active: (5, Self.old), update: .notUpdating)) == .waiting([:]))
  }

  @Test func `checks become less frequent, up to every ten seconds`() {
    #expect([0, 1, 2, 10, 11, 500].map(UpdateWait.pollInterval) == [1, 1, 2, 10, 10, 10].map { .seconds($0) })
  }
}
