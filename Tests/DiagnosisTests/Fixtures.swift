import Diagnosis

extension Evidence {
  /// An endpoint with two replicas and a thousand requests, with which nothing is wrong.
  static var healthy: Evidence {
    var evidence = Evidence(endpoint: "chat")
    var entity = EntityEvidence(name: "main", model: "hello", version: "3")
    entity.wanted = 2
    entity.ready = 2
    evidence.entities = [entity]
    evidence.settings.queueLength = 1024
    evidence.settings.queueWait = .seconds(300)
    evidence.settings.idleAfter = .seconds(1800)
    evidence.load = LoadEvidence(waiting: 0, inFlight: 3)
    evidence.room = RoomEvidence(total: 4, free: 2, unit: "GPU")
    var requests = RequestEvidence([RequestEvidence.Outcome(200, 1000)])
    requests.queue = Percentiles(0, 5, 20)
    requests.firstToken = Percentiles(120, 300, 500)
    requests.latency = Percentiles(900, 2000, 4000)
    requests.betweenTokens = Percentiles(12, 20, 40)
    requests.tokensIn = Percentiles(200, 600, 900)
    requests.tokensOut = Percentiles(60, 200, 400)
    requests.byPrincipal = [
      RequestGroup("ann", requests: 450, busy: 450_000, tokens: 90_000, meanBusy: 1000),
      RequestGroup("ben", requests: 400, busy: 400_000, tokens: 60_000, meanBusy: 1000),
      RequestGroup("cid", requests: 150, busy: 150_000, tokens: 30_000, meanBusy: 1000),
    ]
    requests.byReplica = [
      RequestGroup("r1", requests: 500, busy: 500_000, meanBusy: 1000),
      RequestGroup("r2", requests: 500, busy: 500_000, meanBusy: 1000),
    ]
    requests.unrouted = 0
    evidence.requests = requests
    evidence.engines = ["r1", "r2"].map { replica in
      var engine = EngineEvidence(replica: replica)
      (engine.runningMean, engine.runningMost) = (2, 9)
      (engine.waitingMean, engine.waitingMost) = (0, 0)
      (engine.cacheMean, engine.cacheMost) = (0.2, 0.5)
      engine.preemptions = 0
      (engine.prefixQueries, engine.prefixHits) = (100_000, 10_000)
      return engine
    }
    evidence.dropped = DropEvidence(rows: 0)
    return evidence
  }

  /// The same, changed.
  static func changed(_ change: (inout Evidence) -> Void) -> Evidence {
    var evidence = healthy
    change(&evidence)
    return evidence
  }

  /// An endpoint whose first config has not become ready.
  static func failed(_ code: String?, _ explanation: String, _ more: (inout FailureEvidence) -> Void = { _ in })
    -> Evidence
  {
    var evidence = Evidence(endpoint: "chat")
    evidence.isReady = false
    var entity = EntityEvidence(name: "main", model: "hello", version: "3")
    entity.isPending = true
    var failure = FailureEvidence(explanation, code: code, line: "ValueError: the line")
    failure.ago = .seconds(4)
    more(&failure)
    entity.failure = failure
    evidence.entities = [entity]
    evidence.update = UpdateEvidence(hasFailed: true, version: 1, entity: "main", reason: explanation)
    return evidence
  }

  /// The same as ``healthy``, with a part of its thousand requests ended otherwise.
  static func ended(
    _ status: Int, _ count: Int, _ kind: RequestEvidence.Kind = .other, example: String? = nil
  ) -> Evidence {
    changed { evidence in
      evidence.requests?.outcomes = [
        RequestEvidence.Outcome(200, 1000 - count), RequestEvidence.Outcome(status, count, kind, example: example),
      ]
    }
  }

  var codes: [String] { Diagnosis.causes(of: self).map(\.code) }
}
