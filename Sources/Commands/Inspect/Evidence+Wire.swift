internal import Diagnosis
internal import ServingAPI

extension Evidence {
  /// Reads what a plane sent. Whatever is missing is unknown; numbers are kept within bounds that a sum cannot exceed.
  init(_ wire: WireEvidence, of name: String) {
    self.init(endpoint: name, window: duration(wire.window) ?? .seconds(900))
    unknown = wire.unknown ?? []
    isReady = wire.isReady ?? true
    usualStart = duration(wire.usualStart)
    update = wire.update.map(UpdateEvidence.init)
    entities = (wire.entities ?? []).map(EntityEvidence.init)
    failures = (wire.failures ?? []).map(FailureEvidence.init)
    settings = wire.settings.map(SettingsEvidence.init) ?? SettingsEvidence()
    load = wire.load.map { wire in
      LoadEvidence(waiting: bounded(wire.waiting), inFlight: bounded(wire.inFlight), idleFor: duration(wire.idleFor))
    }
    room = wire.room.map { wire in
      RoomEvidence(total: bounded(wire.total), free: bounded(wire.free), unit: wire.unit ?? "place")
    }
    requests = wire.requests.map(RequestEvidence.init)
    engines = (wire.engines ?? []).map(EngineEvidence.init)
    lines = (wire.lines ?? []).map { wire in
      LogEvidence(severity: bounded(wire.severity), text: wire.text ?? "", replica: wire.replica)
    }
    dropped = wire.dropped.map { wire in
      DropEvidence(rows: bounded(wire.rows), causes: wire.causes ?? [], lastFailure: wire.lastFailure)
    }
  }
}

extension UpdateEvidence {
  fileprivate init(_ wire: WireEvidenceUpdate) {
    self.init(
      hasFailed: wire.hasFailed ?? false, version: wire.version, entity: wire.entity, reason: wire.reason)
    runningFor = duration(wire.runningFor)
  }
}

extension EntityEvidence {
  fileprivate init(_ wire: WireEvidenceEntity) {
    self.init(name: wire.name ?? "?", model: wire.model ?? "?", version: wire.version ?? "?")
    share = bounded(wire.share)
    isPending = wire.isPending ?? false
    wanted = bounded(wire.wanted)
    ready = bounded(wire.ready)
    starting = bounded(wire.starting)
    sleep =
      switch wire.sleep {
      case "asleep": .asleep
      case "waking": .waking
      default: nil
      }
    isWaitingForRoom = wire.isWaitingForRoom ?? false
    download = wire.download
    startPhase = wire.startPhase
    startingFor = duration(wire.startingFor)
    failure = wire.failure.map(FailureEvidence.init)
    state = wire.state ?? ""
    message = wire.message ?? ""
  }
}

extension FailureEvidence {
  fileprivate init(_ wire: WireEvidenceFailure) {
    self.init(wire.explanation ?? "for an unknown reason", code: wire.code, line: wire.line)
    entity = wire.entity
    replica = wire.replica
    wasReady = wire.wasReady ?? false
    ago = duration(wire.ago)
    count = max(1, bounded(wire.count))
    retryIn = duration(wire.retryIn)
    isPermanent = wire.isPermanent ?? false
  }
}

extension SettingsEvidence {
  fileprivate init(_ wire: WireEvidenceSettings) {
    self.init()
    queueLength = wire.queueLength.map { bounded($0) }
    queueWait = duration(wire.queueWait)
    concurrency = wire.concurrency.map { bounded($0) }
    idleAfter = duration(wire.idleAfter)
    rateLimits = bounded(wire.rateLimits)
  }
}

extension RequestEvidence {
  fileprivate init(_ wire: WireEvidenceRequests) {
    self.init(
      (wire.outcomes ?? []).map { wire in
        Outcome(
          bounded(wire.status), bounded(wire.count), wire.kind.flatMap(Kind.init(rawValue:)) ?? .other,
          errorCode: wire.errorCode, example: wire.example)
      })
    queue = wire.queue.flatMap(Percentiles.init)
    firstToken = wire.firstToken.flatMap(Percentiles.init)
    latency = wire.latency.flatMap(Percentiles.init)
    betweenTokens = wire.betweenTokens.flatMap(Percentiles.init)
    tokensIn = wire.tokensIn.flatMap(Percentiles.init)
    tokensOut = wire.tokensOut.flatMap(Percentiles.init)
    coldStarts = bounded(wire.coldStarts)
    coldStart = wire.coldStart.flatMap(Percentiles.init)
    byVersion = (wire.byVersion ?? []).map(RequestGroup.init)
    byPrincipal = (wire.byPrincipal ?? []).map(RequestGroup.init)
    byReplica = (wire.byReplica ?? []).map(RequestGroup.init)
    unrouted = wire.unrouted.map { bounded($0) }
    unroutedNames = wire.unroutedNames ?? []
  }
}

extension Percentiles {
  /// Nil without a median.
  fileprivate init?(_ wire: WirePercentiles) {
    guard let half = wire.p50 else { return nil }
    let most = wire.p95 ?? half
    self.init(half, most, wire.p99 ?? most)
  }
}

extension RequestGroup {
  fileprivate init(_ wire: WireEvidenceGroup) {
    self.init(
      wire.name, requests: bounded(wire.requests), failed: bounded(wire.failed), busy: max(0, wire.busy ?? 0),
      tokens: Int64(bounded(wire.tokens)), meanBusy: max(0, wire.meanBusy ?? 0))
  }
}

extension EngineEvidence {
  fileprivate init(_ wire: WireEvidenceEngine) {
    self.init(replica: wire.replica ?? "?")
    runningMean = wire.runningMean
    runningMost = wire.runningMost
    waitingMean = wire.waitingMean
    waitingMost = wire.waitingMost
    cacheMean = wire.cacheMean
    cacheMost = wire.cacheMost
    preemptions = wire.preemptions
    prefixQueries = wire.prefixQueries
    prefixHits = wire.prefixHits
  }
}

/// A number of things, from 0 to 10^12.
private func bounded(_ number: Int64?) -> Int { Int(min(max(0, number ?? 0), 1_000_000_000_000)) }

/// Nil if it is unknown. Milliseconds, up to some 35,000 years.
private func duration(_ milliseconds: Int64?) -> Duration? {
  milliseconds.map { Duration.milliseconds(min(max(0, $0), 1 << 50)) }
}
