package import Endpoints
internal import ModelRegistry
package import Planning
internal import ServingAPI

/// The checks before the first call for an endpoint. Nothing is written.
package struct Preflight: Sendable {
  /// The sources of the checks. Each throws if it cannot be queried.
  package struct Sources: Sendable {
    /// Whether a version can be served; see ``Reconciler/ServableCheck``.
    let servable: Reconciler.ServableCheck
    /// Returns a registry's facts about a version.
    let facts: @Sendable (ServedEntity) async throws -> ModelFacts
    /// Returns the caller's permission on an endpoint of that name; nil if it is unknown.
    let permission: @Sendable (String) async throws -> String?
    /// Returns the caller's own name; nil if it is unknown.
    let caller: @Sendable () async throws -> String?
    /// Returns a serving plane's forecast for a config of the endpoint of that name; nil if the provider has none.
    let forecast: @Sendable (String, EndpointConfig) async throws -> RolloutForecast?

    package init(
      servable: @escaping Reconciler.ServableCheck,
      facts: @escaping @Sendable (ServedEntity) async throws -> ModelFacts,
      permission: @escaping @Sendable (String) async throws -> String?,
      caller: @escaping @Sendable () async throws -> String?,
      forecast: @escaping @Sendable (String, EndpointConfig) async throws -> RolloutForecast?
    ) {
      self.servable = servable
      self.facts = facts
      self.permission = permission
      self.caller = caller
      self.forecast = forecast
    }
  }

  private let sources: Sources
  private let rules: RuleBook
  /// The workspace; nil: a plane, which checks the hardware itself and is asked for its forecast.
  private let site: WorkspaceSite?
  /// Whether a rollback is refused that a plane would not accept, as when its version was deleted: a plane knows what it
  /// has. Only for one that a user requests; an automatic one is sent, and its failure is recorded.
  package var refusesRollbacks = false

  package init(_ sources: Sources, rules: RuleBook, on site: WorkspaceSite?) {
    self.sources = sources
    self.rules = rules
    self.site = site
  }

  /// Returns the findings for one endpoint; empty if the decision sends no config.
  ///
  /// - Throws: only `CancellationError`: any other failure of a query becomes a finding.
  package func findings(_ item: PlanItem, _ decision: Decision) async throws -> [PreflightFinding] {
    guard decision.sendsConfig, let target = decision.target else { return [] }
    var live: ObservedEndpoint?
    if case .present(let endpoint) = item.observed { live = endpoint }
    var found: [PreflightFinding] = []
    if let live {
      found.append(PreflightFinding(.nameFree, .passed, "the endpoint exists, and the plan may change it"))
      found += [try await permission(live), try await creator(live)].compactMap(\.self)
    } else {
      found.append(PreflightFinding(.nameFree, .passed, "no endpoint has this name"))
    }
    let unproven = target.unproven(on: live, item.memory)
    for entity in target.config.entities where !(live?.serves(entity) ?? false) {
      found += try await model(entity, live).map { finding in
        let isProven = decision.action == .rollback || (finding.rule.isOfRegistry && !unproven.contains(entity))
        return isProven ? finding.withoutRefusal : finding
      }
    }
    if site == nil, let config = decision.nextConfig, let finding = try await acceptance(item.name, config) {
      let isRollback = decision.action == .rollback
      found.append(isRollback && !refusesRollbacks ? finding.withoutRefusal : finding)
    }
    return found.filter { rules.severity(of: $0.rule) != .off }
  }

  /// Checks whether the versions that were still being registered can be served now.
  ///
  /// - Returns: those that are still waited for; empty: none.
  func waits(_ item: PlanItem, _ decision: Decision) async throws -> [PreflightFinding] {
    var live: ObservedEndpoint?
    if case .present(let endpoint) = item.observed { live = endpoint }
    var found: [PreflightFinding] = []
    for entity in decision.target?.unproven(on: live, item.memory) ?? [] { found.append(try await ready(entity, nil)) }
    return found.filter { $0.outcome == .waiting || $0.outcome == .refused }
  }

  // MARK: - Queries

  private func permission(_ live: ObservedEndpoint) async throws -> PreflightFinding? {
    do {
      return PreflightAssessment.permission(try await sources.permission(live.name), rules: rules)
    } catch {
      return try notChecked(.callerPermission, error)
    }
  }

  private func creator(_ live: ObservedEndpoint) async throws -> PreflightFinding? {
    guard site != nil, let creator = live.creator else { return nil }
    do {
      return PreflightAssessment.creator(creator, caller: try await sources.caller(), rules: rules)
    } catch {
      return try notChecked(.creatorIsDeployer, error)
    }
  }

  /// Returns why a plane would not accept the config; nil if it would, or is not asked.
  private func acceptance(_ name: String, _ config: EndpointConfig) async throws -> PreflightFinding? {
    do {
      guard let text = try await sources.forecast(name, config)?.refusalText else { return nil }
      return rules.preflight(.planeAccepts, text)
    } catch {
      return try notChecked(.planeAccepts, error)
    }
  }

  private func model(_ entity: ServedEntity, _ live: ObservedEndpoint?) async throws -> [PreflightFinding] {
    let readiness = try await ready(entity, live)
    guard let site, readiness.outcome == .passed else { return [readiness] }
    do {
      let facts = try await sources.facts(entity)
      return [readiness] + PreflightAssessment.model(facts, of: entity, on: site, rules: rules)
    } catch {
      return [readiness, try notChecked(.weightsFit, error)]
    }
  }

  private func ready(_ entity: ServedEntity, _ live: ObservedEndpoint?) async throws -> PreflightFinding {
    let version = "\(entity.entityName) version \(entity.entityVersion)"
    do {
      try await sources.servable(entity)
      return PreflightFinding(.modelReady, .passed, "\(version) can be served")
    } catch let error as ModelRegistryError {
      if error.kind == .notYetRegistered { return PreflightFinding(.modelReady, .waiting, error.message) }
      return rules.preflight(.modelReady, "\(error.message.clause); \(error.advice.clause)")
        ?? PreflightFinding(.modelReady, .notKnown, error.message)
    } catch let error as ServingError where error.kind == .permissionDenied {
      let words = "\(entity.entityName) is not visible to the caller: \(error.serverMessage.clause)"
      // The endpoint loads the model as its creator, which for a new endpoint is the caller.
      if live != nil { return PreflightFinding(.modelGrants, .warning, words) }
      return rules.preflight(.modelGrants, words + (site == nil ? Self.planeAdvice : Self.workspaceAdvice))
        ?? PreflightFinding(.modelGrants, .notKnown, words)
    } catch {
      return try notChecked(.modelReady, error)
    }
  }

  private static let workspaceAdvice = "; serving requires USE CATALOG, USE SCHEMA and EXECUTE"
  /// A plane has no grants on models: who may create endpoints may serve them all.
  private static let planeAdvice =
    "; on a serving plane, creating an endpoint requires a token with the permission \"manage\" on all endpoints, which an "
    + "administrator creates with \"setpoint tokens create NAME --can manage\""

  /// - Throws: `CancellationError` if the check was canceled.
  private func notChecked(_ rule: WorkspaceRule, _ error: any Error) throws -> PreflightFinding {
    if error is CancellationError { throw error }
    let words = (error as? ServingError)?.serverMessage ?? "\(error)"
    return PreflightFinding(rule, .notChecked, words)
  }
}

extension PreflightFinding {
  /// The finding as a warning. A registry reports a model as missing to callers that may not see it, which is no reason
  /// to keep an endpoint from a version that was good on it before.
  fileprivate var withoutRefusal: PreflightFinding {
    outcome == .refused || outcome == .waiting ? PreflightFinding(rule, .warning, message) : self
  }
}

extension WorkspaceRule {
  /// Whether it is about what the registry shows of a version.
  fileprivate var isOfRegistry: Bool { self == .modelReady || self == .modelGrants }
}

extension ObservedEndpoint {
  /// Whether the version is already running on the same hardware.
  fileprivate func serves(_ entity: ServedEntity) -> Bool {
    (active?.config.entities ?? []).contains {
      $0.entityName == entity.entityName && $0.entityVersion == entity.entityVersion
        && $0.workloadType == entity.workloadType
    }
  }
}
