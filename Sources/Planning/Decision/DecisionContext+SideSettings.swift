internal import Endpoints

// Beside the table, after the tags: side settings are changed in place, one call per pass, each kind with its own
// back-off. They are never held or rolled back, and none of them blocks another or a rollout.
extension DecisionContext {
  /// The differences in the side settings; nil if they are not compared.
  var settingsPlan: SettingsPlan? {
    guard let live, !options.leavesSettings else { return nil }
    return SettingsPlan(endpoint, live, memory)
  }

  /// Returns the decision on rollout and tags, with the side settings' part added.
  func withSettings(_ main: Decision, _ plan: SettingsPlan?) -> Decision {
    guard let live else { return withFollowUps(main) }
    var decision = main
    decision.warnings += settledWarnings(live)
    if main.reason.code == .needsRecreate { decision.settingFields += recreatedFields(live) }
    if main.operations.contains(where: \.replacesConfig) { decision.warnings += lossWarnings(live) }
    guard let plan, !plan.isEmpty else { return decision }
    guard !plan.steps.isEmpty else { return plan.problem.map { blocked(decision, $0) } ?? decision }

    decision.settingFields += plan.fields
    decision.operations += plan.steps.map { .changeSetting(name: live.name, $0) }
    if let problem = plan.problem { decision.warnings.append(problem) }
    if main.action == .none {
      decision.action = .update
      decision.reason = Reason(.settingsChanged)
    }
    guard isAtRest(main), memory.attempt == nil else { return decision }
    let possible = possible(plan, on: live)
    if let change = possible.first(where: { transientFailure(of: $0) == nil }) {
      return decision.then(.call(.changeSetting(name: live.name, change)))
    }
    return waiting(decision, after: main, for: possible)
  }

  /// Whether the rollout is at rest, so that another call can be made.
  func isAtRest(_ main: Decision) -> Bool {
    switch main.next {
    case .rest: true
    case .wait: !(live?.update.isUpdating ?? false)
    case .record, .call, .verify, .checkTarget: false
    }
  }

  /// Returns the part of the managed-settings tag to write now: a claim before the first step, and the rest when the
  /// only steps left are those that wait for a user.
  func marksNow(_ plan: SettingsPlan) -> TagPatch {
    guard let live, !plan.claims else { return plan.marks }
    let isComing = possible(plan, on: live).contains { !(transientFailure(of: $0)?.isRefusal ?? false) }
    return isComing ? TagPatch() : plan.marks
  }

  /// Returns the next change of each kind that can be made: only endpoints with a config accept telemetry
  /// (serving-api.md E10).
  private func possible(_ plan: SettingsPlan, on live: ObservedEndpoint) -> [SettingChange] {
    plan.firsts.filter { plan.claimed.contains($0.kind) && ($0.kind != .telemetry || live.active != nil) }
  }

  /// Returns the back-off in force for exactly this change.
  private func transientFailure(of change: SettingChange) -> TransientFailure? {
    memory.backoffs[change.kind].flatMap { $0.digest == change.digest && now < $0.until ? $0 : nil }
  }

  /// Waits because every remaining change has failed too recently. A refusal needs a user's attention; the rest is
  /// retried automatically.
  private func waiting(_ decision: Decision, after main: Decision, for changes: [SettingChange]) -> Decision {
    let backoffs = changes.compactMap { change in transientFailure(of: change).map { (change, $0) } }
    guard let until = backoffs.map(\.1.until).min() else { return decision }
    var copy = decision
    let refused = backoffs.filter(\.1.isRefusal).map { "changing \($0.subject) was refused: \($1.message.clause)" }
    let failed = backoffs.filter { !$1.isRefusal }.map { "\($0.subject): \($1.retryText)" }
    if main.action == .none {
      let words = (refused.isEmpty ? failed : refused).joined(separator: "; ")
      copy.action = refused.isEmpty ? .update : .hold
      copy.reason = Reason(refused.isEmpty ? .retrying : .refused, words)
      copy.degraded = words
      if !refused.isEmpty { copy.warnings += failed }
    } else {
      copy.warnings += refused + failed
    }
    if case .rest = main.next { copy.next = .wait(until - now) }
    if case .wait(let pause) = main.next { copy.next = .wait(min(pause, until - now)) }
    return copy
  }

  /// Blocks the decision: a setting that cannot be read cannot be in sync.
  private func blocked(_ decision: Decision, _ problem: String) -> Decision {
    var copy = decision
    if decision.action == .none {
      copy.action = .hold
      copy.reason = Reason(.blocked, problem)
      copy.degraded = problem
      copy.next = .wait(Self.readAgain)
    } else {
      copy.warnings.append(problem)
    }
    return copy
  }

  private static let readAgain: Duration = .seconds(30)

  /// Adds the calls that follow a create, because they need a settled endpoint and its ID.
  private func withFollowUps(_ main: Decision) -> Decision {
    guard main.action == .create else { return main }
    var decision = main
    let settings = endpoint.sideSettings
    decision.settingFields = SettingsFields.atCreation(settings)
    if let telemetry = settings.telemetry {
      decision.operations.append(.changeSetting(name: endpoint.name, .telemetry(telemetry)))
    }
    if let access = settings.access {
      let change: SettingChange =
        access.mode == .additive
        ? .grant(endpointID: "{id}", access.grants) : .setAccess(endpointID: "{id}", access.grants)
      decision.operations.append(.changeSetting(name: endpoint.name, change))
    }
    return decision
  }
}

// Settings that can only be set at creation
extension DecisionContext {
  /// Returns the call that creates the endpoint, with everything that it needs from the start.
  func creation(of config: EndpointConfig) -> Operation {
    .create(
      name: endpoint.name, config: config, tags: endpoint.tagsAtCreation(fleet: options.fleet),
      settings: CreateCallSettings(endpoint.sideSettings))
  }

  /// The decision on a change that requires recreating the endpoint; nil if there is no such change.
  var recreationDecision: Decision? {
    guard let live, let wanted = endpoint.sideSettings.creation.routeOptimized,
      wanted != live.settings?.routeOptimized ?? false
    else { return nil }
    let what = "routeOptimized is \(!wanted) and can only be set at creation"
    if live.isRetained || endpoint.deletionPolicy == .retain {
      return .hold(
        Reason(
          .needsRecreate,
          "\(what); its deletion policy is Retain, so it is never deleted, not even to recreate it"),
        target: desired)
    }
    guard options.allowRecreate else {
      return .hold(
        Reason(
          .needsRecreate,
          "\(what); --allow-recreate deletes and recreates the endpoint: it is unavailable in the meantime, and its "
            + "ID, its grants and other tools' tags are lost"), target: desired)
    }
    let delete = Operation.delete(name: live.name)
    let decision = Decision(
      .update, Reason(.needsRecreate, what), target: desired, next: .call(delete),
      operations: [delete, creation(of: desired.config)])
    if let record = recordOfUnknownLive { return decision.then(.record(record)) }
    return decision.afterBackoff(memory.backoffs[.delete], now: now)
  }

  private func recreatedFields(_ live: ObservedEndpoint) -> [FieldChange] {
    guard let wanted = endpoint.sideSettings.creation.routeOptimized else { return [] }
    return [
      FieldChange(
        path: "spec.routeOptimized", from: "\(live.settings?.routeOptimized ?? false)", to: "\(wanted)",
        effect: .recreate)
    ]
  }

  /// Returns warnings about differences that no call can change: worth mentioning, but never worth a new endpoint.
  private func settledWarnings(_ live: ObservedEndpoint) -> [String] {
    let creation = endpoint.sideSettings.creation
    var warnings: [String] = []
    if let wanted = creation.description, wanted != live.settings?.description ?? "" {
      warnings.append(
        "the description remains \"\(Printable.line(live.settings?.description ?? ""))\": the serving API sets it "
          + "only at creation")
    }
    if let wanted = creation.budgetPolicy, let live = live.settings?.effectiveBudgetPolicy, wanted != live {
      warnings.append(
        "the budget policy remains \(live), not \(wanted): the serving API sets it only at creation")
    }
    return warnings
  }

  /// Returns a warning about what a replacement of the config drops because no manifest can express it.
  private func lossWarnings(_ live: ObservedEndpoint) -> [String] {
    let members = live.active?.unrepresented ?? []
    return members.isEmpty
      ? []
      : [
        "the live config has \(members.joined(separator: ", ")), which manifests cannot express; the update "
          + "removes it"
      ]
  }
}

extension Operation {
  fileprivate var replacesConfig: Bool { if case .updateConfig = self { true } else { false } }
}

extension SettingsPlan {
  /// The first step of each kind, in order.
  var firsts: [SettingChange] {
    var seen: Set<Operation.Kind> = []
    return steps.filter { seen.insert($0.kind).inserted }
  }
}
