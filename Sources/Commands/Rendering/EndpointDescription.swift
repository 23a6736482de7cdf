internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

/// Everything about one endpoint, in sections.
struct EndpointDescription {
  let endpoint: ObservedEndpoint
  let target: String
  let recorded: RecordedMemory
  /// Those that are recorded, and those of a plane's replicas; oldest first.
  let events: [HistoryEvent]
  /// The replicas of a serving plane; nil if the provider does not show them.
  let replicas: [WireReplica]?
  /// The controllers' last reports on it.
  let statuses: [(fleet: FleetStatus, status: EndpointStatus)]
  let now: Int64

  func lines(_ palette: Palette) -> [String] {
    let current = ReplicaTable.table(replicas ?? [], now: now)
    let sections =
      [summary(palette)] + controllers(palette) + [
        settings(palette), config("Active config", endpoint.active, palette),
        config(
          endpoint.reportsFailure ? "Failed config" : "Pending config", endpoint.pending, palette,
          getsTraffic: !endpoint.reportsFailure),
        table("Replicas", current, palette), held(palette), underWay(palette),
        table("Revisions", RevisionTable.table(recorded), palette),
        table("Events", EventTable.table(events), palette), logs(palette),
      ]
    return sections.filter { !$0.isEmpty }.joined(separator: [""]).map { $0 }
  }

  /// Returns the JSON: the provider's response as `get -o json` prints it, and what is known locally.
  func json(_ details: WireEndpoint, _ suggestions: SuggestedCommands) -> JSONValue {
    [
      "kind": "EndpointDescription", "target": .string(target), "endpoint": CredentialNames.shown(details.json),
      "replicas": replicas.map { JSONValue.array($0.map(\.json)) } ?? .null,
      "revisions": .array(recorded.memory.revisions.map { RevisionTable.json($0, recorded) }),
      "events": .array(events.map(EventTable.json)),
      "controllers": suggestions.completed(ControllerText.json(statuses, now: Timestamp(milliseconds: now))),
    ]
  }

  private func summary(_ palette: Palette) -> [String] {
    let isFailurePast = isFailurePast
    let state = EndpointState(endpoint, isFailurePast: isFailurePast)
    let tags = endpoint.tags.filter { !FleetTags.isOwn($0.key) }.sorted { $0.key < $1.key }
    let age = TimeText.age(milliseconds: now - endpoint.lastUpdated)
    let changed =
      endpoint.lastUpdated > 0 ? "\(TimeText.instant(endpoint.lastUpdated)) (\(age) ago)" : "not reported"
    let fields: [(String, String)] = [
      ("Name", palette.paint(endpoint.name, .strong)), ("Target", target), ("ID", endpoint.id),
      ("State", palette.paint(state.text, state.style)), ("Why", isFailurePast ? "" : endpoint.deploymentMessages),
      ("Fleet", endpoint.fleet ?? "none: \(endpoint.ownerClause)"), ("Creator", endpoint.creator ?? ""),
      ("Changed", changed), ("Protected", endpoint.isRetained ? "yes: its deletion policy is Retain" : ""),
      ("Tags", tags.map { $0.value.isEmpty ? $0.key : "\($0.key)=\($0.value)" }.joined(separator: ", ")),
    ]
    return fields.filter { !$0.1.isEmpty }.map { "\("\($0.0):".padded(to: 11))\($0.1)" }
  }

  /// Whether a failed update that the provider still reports is over.
  private var isFailurePast: Bool {
    let moment = Timestamp(milliseconds: now)
    return endpoint.hasPastFailure(statuses.first { $0.fleet.isCurrent(at: moment) }?.status, recorded.memory)
  }

  private func controllers(_ palette: Palette) -> [[String]] {
    statuses.map { ControllerText.lines($0.fleet, $0.status, now: Timestamp(milliseconds: now), palette) }
  }

  private func settings(_ palette: Palette) -> [String] {
    let words = endpoint.settings?.lines ?? []
    return words.isEmpty ? [] : [palette.paint("Settings", .strong)] + words.map { "  \($0)" }
  }

  private func config(
    _ title: String, _ config: ObservedConfig?, _ palette: Palette, getsTraffic: Bool = true
  ) -> [String] {
    guard let config else { return [] }
    let since = config.startTime.map { ", since \(TimeText.instant($0))" } ?? ""
    var lines = [palette.paint("\(title), config version \(config.version)\(since)", .strong)]
    let plane = PlaneText.settings(config.config).map(PlaneText.line) ?? ""
    if !plane.isEmpty { lines.append("  plane: \(plane)") }
    for entity in config.config.entities {
      let deployment = config.deployments[entity.name]
      lines.append(
        "  \(entity.name): \(entity.entityName)/\(entity.entityVersion), \(entity.workloadType), "
          + "\(entity.sizeText ?? "of unknown size"), scale to zero \(entity.scaleToZero ? "on" : "off"), "
          + (getsTraffic ? "\(entity.traffic)% of the traffic" : "no traffic"))
      if let deployment {
        let words = deployment.message.split(whereSeparator: \.isNewline)
        lines.append("    \(deployment.state)" + (words.first.map { ": \($0)" } ?? ""))
        lines += words.dropFirst().map { "      \($0)" }
      }
      lines += EnvironmentText.lines(entity.environment, hasPlane: !plane.isEmpty).map { "    \($0)" }
    }
    return lines
  }

  private func held(_ palette: Palette) -> [String] {
    let title = palette.paint("Held", .strong)
    switch HeldTag(tags: endpoint.tags) {
    case .nothing: return []
    case .unreadable(let why):
      return [
        title, "  the tag \(FleetTags.held) cannot be read: \(why)",
        "  next: \"setpoint retry \(endpoint.name)\" removes it",
      ]
    case .held(let held):
      let revision = recorded.memory.revision(of: held.digest)
      let what = revision.map { "revision \($0.number) (\(held.digest))" } ?? "digest \(held.digest)"
      var lines = [title, "  \(what) is not sent: \(held.cause.sentence)"]
      if let words = revision?.outcome.message {
        let parts = words.split(whereSeparator: \.isNewline)
        lines += parts.enumerated().map { ($0 == 0 ? "  why: " : "       ") + $1 }
      }
      if let revision { lines.append("  since: \(TimeText.instant(since(held) ?? revision.recordedAt.milliseconds))") }
      let live = endpoint.active == nil ? "no config, until a user decides" : "the live config, until a user decides"
      lines.append("  stays at: \(held.target.map(shown) ?? live)")
      if held.isStalled { lines.append("  the rollback failed too; nothing is retried until a user intervenes") }
      lines.append("  next: change the manifest, or retry with \"setpoint retry \(endpoint.name)\"")
      return lines
    }
  }

  /// Returns when the failure that led to the hold was recorded.
  private func since(_ held: HeldConfig) -> Int64? {
    guard let number = recorded.memory.revision(of: held.digest)?.number else { return nil }
    return events.last { $0.isAbout(revision: number) }?.at.milliseconds
  }

  private func shown(_ digest: ConfigDigest) -> String {
    recorded.memory.revision(of: digest).map { revision in
      let model = recorded.modelText(of: revision).map { ", \($0)" } ?? ""
      return "revision \(revision.number) (\(digest)\(model))"
    } ?? "digest \(digest)"
  }

  private func underWay(_ palette: Palette) -> [String] {
    guard let attempt = recorded.memory.attempt else { return [] }
    let began = TimeText.instant(attempt.openedAt.milliseconds)
    // A refused first call leaves nothing in progress; the attempt is only recorded.
    let isAtStep = recorded.memory.shareOfEarlierStep(on: endpoint) != nil
    let isRefused = attempt.refusal.map { !$0.mayHaveArrived } ?? false
    let title = isRefused && !isAtStep ? "Not accepted yet" : "In progress"
    let started = "\(attempt.kind.rawValue) to \(shown(attempt.digest)), started \(began)"
    let lines = [palette.paint(title, .strong), "  \(started)"]
    if let refusal = attempt.refusal {
      if refusal.mayHaveArrived { return lines + ["  not confirmed by the provider: \(refusal.message)"] }
      return lines + ["  \(isAtStep ? "its next step was refused" : "refused"): \(refusal.message)"]
    }
    guard let acceptance = attempt.acceptance else { return lines + ["  not confirmed by the provider"] }
    guard hasEnded(acceptance) else { return lines }
    let next = "the provider has finished; \"setpoint apply -f ...\" or a controller records the result"
    return [palette.paint("Not recorded yet", .strong), "  \(started)", "  \(next)"]
  }

  /// Whether the provider has finished what it accepted, as it does after `apply --no-wait` without being observed.
  private func hasEnded(_ acceptance: Attempt.Acceptance) -> Bool {
    guard let announced = acceptance.version, !endpoint.update.isUpdating else { return false }
    // A failed config stays pending.
    if endpoint.pending?.version == announced { return true }
    return endpoint.readiness == .ready && (endpoint.active.map { $0.version >= announced } ?? false)
  }

  /// Returns the last log lines of the rollout that caused the current problem; nothing if there is none.
  private func logs(_ palette: Palette) -> [String] {
    let tails = events.filter(\.isLogTail).filter(isAboutNow)
    guard let newest = tails.last else { return [] }
    return tails.filter { newest.at - $0.at < .seconds(60) }.flatMap { event in
      [palette.paint("Log: \(event.what), read \(TimeText.instant(event.at.milliseconds))", .strong)]
        + event.why.split(whereSeparator: \.isNewline).map { "  \($0)" }
    }
  }

  /// Whether a log was read in the rollout that led to the hold; without a hold, in the last rollout, if it has a
  /// problem.
  private func isAboutNow(_ tail: HistoryEvent) -> Bool {
    if case .held(let held) = HeldTag(tags: endpoint.tags) {
      guard let failed = since(held).map(Timestamp.init(milliseconds:)) else { return false }
      let begun = events.last { $0.isOpening && $0.at <= failed }?.at
      return begun.map { $0 <= tail.at } ?? true && tail.at <= failed + .seconds(60)
    }
    guard endpoint.readiness != .ready || endpoint.update == .failed || recorded.memory.attempt != nil else {
      return false
    }
    // The same revision may have been sent several times.
    let openings = events.filter(\.isOpening)
    let last = openings.reversed().prefix { $0.what == openings.last?.what }.last
    return last.map { $0.at <= tail.at } ?? true
  }

  private func table(_ title: String, _ table: Table, _ palette: Palette) -> [String] {
    table.isEmpty ? [] : [palette.paint(title, .strong)] + table.lines(palette).map { "  \($0)" }
  }
}

extension HeldConfig.Cause {
  /// The reason for the hold, as the end of a sentence.
  var sentence: String {
    switch self {
    case .failed: "its update failed"
    case .refused: "the provider refused it"
    case .verification: "it failed its verification"
    case .canceled: "its update was canceled at the provider"
    case .rollback: "another revision was chosen"
    }
  }
}
