internal import Endpoints

/// A three-way comparison of one endpoint's side settings, except tags: the manifest's, the live ones, and those that
/// the fleet set before. Pure.
struct SettingsPlan {
  /// The calls that it requires, in order; only the first of each kind can be made now.
  let steps: [SettingChange]
  /// The differences in the manifest's own terms; empty exactly when there are no steps.
  let fields: [FieldChange]
  /// The changes to the tag that says what is managed; empty if it is correct.
  let marks: TagPatch
  /// Whether a step requires the tag to be changed first; else the tag can wait until the steps are done.
  let claims: Bool
  /// The kinds whose marks are already on the endpoint: nothing is set without a mark to find it again.
  let claimed: Set<Operation.Kind>
  /// Why it is unknown whether the grants match.
  let problem: String?

  /// Creates a plan; nil if there is nothing to plan, as for nearly every endpoint.
  init?(_ desired: DesiredEndpoint, _ live: ObservedEndpoint, _ memory: Memory) {
    let settings = desired.sideSettings
    let value = live.tags[FleetTags.manages]
    guard value != nil || settings.hasMore else { return nil }
    let marked = ManagedSettings(tags: live.tags)
    let gateway = GatewayPlan(settings.gateway, live: live.settings?.gateway, marked: marked.parts)
    let telemetry = TelemetryPlan(
      wanted: settings.telemetry, live: live.settings?.telemetry, marked: marked, remembered: memory.appliedTelemetry)
    var parts = gateway.managed.union(gateway.dropped)
    var steps = gateway.steps.map { SettingChange.gateway($0) }
    var fields = SettingsFields.gateway(gateway)
    var problem: String?

    let isNotified = settings.notifications != nil
    if isNotified || marked.parts.contains(.notifications) {
      let wanted = settings.notifications ?? NotificationSettings()
      let present = live.settings?.notifications ?? NotificationSettings()
      if isNotified || !present.isEmpty { parts.insert(.notifications) }
      if wanted != present {
        steps.append(.notifications(wanted))
        fields += SettingsFields.notifications(present, wanted)
      }
    }
    if settings.telemetry != nil || marked.parts.contains(.telemetry) {
      if settings.telemetry != nil || telemetry.live != nil { parts.insert(.telemetry) }
      if !telemetry.isApplied {
        steps.append(.telemetry(telemetry.wanted))
        fields += SettingsFields.telemetry(telemetry)
      }
    }
    if let access = settings.access {
      parts.insert(.access)
      if let known = live.settings?.access {
        if let words = known.problem {
          problem = "its grants could not be read: \(words)"
        } else {
          let plan = AccessPlan(wanted: access, live: known, creator: live.creator, endpointID: live.id)
          if let change = plan.change { steps.append(change) }
          fields += SettingsFields.access(plan)
        }
      }
    }
    self.steps = steps
    self.fields = fields
    self.problem = problem
    let wanted = marked.marking(parts, appliedTelemetry: telemetry.mark).value
    marks =
      wanted == value
      ? TagPatch()
      : wanted.map { TagPatch(add: [FleetTags.manages: $0]) } ?? TagPatch(remove: [FleetTags.manages])
    claims = !parts.isSubset(of: marked.parts) || marked.appliedTelemetry != nil && telemetry.mark == nil
    claimed = Set(
      Operation.Kind.allCases.filter { kind in parts.allSatisfy { $0.kind != kind || marked.parts.contains($0) } }
        .filter { $0 != .telemetry || marked.appliedTelemetry == telemetry.mark })
  }

  /// Whether there are no differences and no problem.
  var isEmpty: Bool { steps.isEmpty && marks.isEmpty && problem == nil }
}

extension ManagedSettings {
  /// Returns the marks of a new endpoint.
  static func atCreation(_ settings: SideSettings) -> ManagedSettings {
    var parts = GatewayPlan(settings.gateway, live: nil, marked: []).managed
    if settings.notifications != nil { parts.insert(.notifications) }
    if settings.telemetry != nil { parts.insert(.telemetry) }
    if settings.access != nil { parts.insert(.access) }
    return ManagedSettings(parts)
  }
}

extension ManagedSettings.Part {
  /// The kind of the call that changes it.
  var kind: Operation.Kind {
    switch self {
    case .rateLimits, .usageTracking, .inferenceTable: .gateway
    case .notifications: .notifications
    case .telemetry: .telemetry
    case .access: .access
    }
  }
}

extension SideSettings {
  /// Whether the manifest sets more than tags and creation-only settings.
  var hasMore: Bool { gateway != nil || notifications != nil || telemetry != nil || access != nil }
}
