internal import Controller
internal import Endpoints
internal import History
internal import ModelRegistry
internal import Planning
internal import ServingAPI

/// One observation of a fleet: its desired state, its live state, and the resulting plan.
struct FleetPlan: Sendable {
  let reconciler: Reconciler
  let fleet: DesiredFleet
  /// The endpoints as observed. The plan also reports what the registry does not have; the registry is queried again
  /// before anything is sent.
  let items: [PlanItem]
  private(set) var plan: Plan

  /// Resolves the manifests' aliases, observes every endpoint that they name or the fleet owns, and creates the plan.
  ///
  /// - Parameter wait: how to wait for versions that are still being registered; nil: they block their endpoints.
  init(
    _ set: ManifestSet, _ reconciler: Reconciler, _ versions: VersionResolver, _ wait: RegistrationWait? = nil,
    allowMassDelete: Bool, explain: Bool = false, cloud: Cloud? = nil
  ) async throws {
    if reconciler.options.prune, set.manifests.isEmpty, set.brokenNames.isEmpty {
      throw ErrorReport(
        "the manifests contain no endpoints, so --prune deletes nothing",
        next: "add manifests for the endpoints to keep, or delete one by name: setpoint delete NAME")
    }
    let fleet = try await DesiredFleet.resolve(set) { alias in
      try await versions.resolve(model: alias.model, alias: alias.name, wait)
    }
    let items = try await reconciler.survey(fleet)
    try await self.init(
      reconciler, fleet, items,
      PlanOptions(
        reconciler.options, isSourceWhole: fleet.isComplete, allowMassDelete: allowMassDelete, explain: explain,
        cloud: cloud))
  }

  /// - Throws: only `CancellationError`.
  init(_ reconciler: Reconciler, _ fleet: DesiredFleet, _ items: [PlanItem], _ options: PlanOptions) async throws {
    self.reconciler = reconciler
    self.fleet = fleet
    self.items = items
    plan = Plan.make(
      target: reconciler.provider.target.url, items: try await reconciler.asked(items), now: Self.now, options: options)
  }

  /// Returns the plan with what a serving plane says about the configs that it sends.
  func withForecasts(of connection: Connection, on site: WorkspaceSite?) async throws -> FleetPlan {
    var copy = self
    copy.plan = plan.with(try await connection.forecasts(items, reconciler.options, on: site))
    return copy
  }

  static var now: Timestamp { Timestamp(milliseconds: CommandContext.current.now()) }

  /// The endpoints with a pending step. A plan shows fewer: an update that became good unobserved is not a change, but
  /// still has to be recorded.
  var unsettled: [String] {
    let withheld = Set(plan.changes.filter { $0.action == .hold }.map(\.endpoint))
    return items.filter { item in
      let decision = decide(
        desired: item.desired, observed: item.observed, memory: item.memory, now: Self.now, options: reconciler.options)
      // A deletion that the plan withholds would be executed by the endpoint's own decision.
      if decision.action == .delete, withheld.contains(item.name) { return false }
      guard decision.isSettled else { return true }
      switch decision.next {
      case .record, .call, .verify, .checkTarget: return true
      case .wait, .rest: return false
      }
    }.map(\.name)
  }

  /// Preflight findings by endpoint.
  var preflight: [String: [PreflightFinding]] = [:]

  /// Additional lines by endpoint: which version an alias names, and the provider's message for a failure that led to a
  /// hold.
  var remarks: [String: [String]] {
    let reasons = Dictionary(
      plan.changes.filter { $0.action == .hold && $0.reason.code.isOfHeldConfig }
        .map { ($0.endpoint, $0.reason.detail) },
      uniquingKeysWith: { one, _ in one })
    return items.reduce(into: [:]) { remarks, item in
      var lines: [String] = []
      if case .present(let desired, _) = item.desired {
        let aliased = desired.aliasedVersions
        lines += aliased.map { "\(aliased.count == 1 ? $0.alias : $0.text) is version \($0.version)" }
      }
      lines += fleet.remarks[item.name] ?? []
      if case .present(let live) = item.observed, let held = HeldTag(tags: live.tags).held,
        let words = item.memory.revision(of: held.digest)?.outcome.message,
        let reason = reasons[item.name], !reason.contains(words)
      {
        lines.append("why: \(words)")
      }
      lines += (preflight[item.name] ?? []).map { "preflight: \(FleetPreflight.line($0))" }
      remarks[item.name] = lines
    }
  }

  /// The endpoints that are not in the manifests and that `--prune` would delete; empty if the plan prunes.
  var prunable: [String] {
    let options = reconciler.options
    guard !options.prune else { return [] }
    let pruning = DecisionOptions(fleet: options.fleet, prune: true)
    return items.filter { item in
      guard case .none = item.desired else { return false }
      return decide(
        desired: item.desired, observed: item.observed, memory: item.memory, now: Self.now, options: pruning
      ).reason.code == .manifestRemoved
    }.map(\.name).sorted()
  }

  /// A line about the endpoints that the plan leaves although they have no manifest; nil if there are none.
  var prunableLine: String? {
    let names = prunable
    guard !names.isEmpty else { return nil }
    let more = names.count > 10 ? " and \(names.count - 10) more" : ""
    let listed = names.prefix(10).joined(separator: ", ") + more
    return "not in these manifests, and not changed: \(listed); --prune deletes \(names.count == 1 ? "it" : "them")"
  }

  /// The plan as text.
  func lines(_ palette: Palette, explain: Bool = false) -> [String] {
    PlanText.lines(plan, palette: palette, remarks: remarks, explain: explain)
      + [prunableLine].compactMap(\.self)
  }

  /// The endpoints that could not be evaluated: an incomplete plan does not mean that there are no changes.
  var unknowns: [String] {
    plan.changes.filter {
      $0.action == .hold && $0.reason.code == .blocked && $0.reason.detail != plan.blockedDeletions
    }
    .map(\.endpoint)
  }
}

extension Connection {
  func reconciler(_ history: HistoryStore, _ options: DecisionOptions) -> Reconciler {
    let (versions, timing) = (versions, CommandContext.current.timing)
    let servable = ServableVersions(elapsed: timing.elapsed) { entity in
      try await versions.requireServable(model: entity.entityName, version: entity.entityVersion)
    }
    let now = CommandContext.current.now
    return Reconciler(
      provider: provider, history: history, options: options, servable: { try await servable.require($0) },
      gatesVersions: gatesVersions, now: { Timestamp(milliseconds: now()) }, chance: timing.jitter)
  }
}

extension Reconciler {
  /// Records in the history what the user did.
  func note(_ what: String, why: String = "", of name: String) async throws {
    try await history.note(HistoryEvent(at: FleetPlan.now, what: what, why: why), of: key(name), fleet: options.fleet)
  }
}
