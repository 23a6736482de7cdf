internal import Endpoints

/// What differs in the side settings of one endpoint, tags aside: three-way, between what the manifest says, what is
/// live, and what the fleet set before. Pure.
struct SettingsPlan {
  /// The calls it takes, in order; of each kind only the first can be made now.
  let steps: [SettingChange]
  /// In the manifest's own terms. Empty exactly when there are no steps.
  let fields: [FieldChange]
  /// What the tag that says what is managed lacks; empty: it is right.
  let marks: TagPatch
  /// Whether the tag lacks something without which a step cannot be taken; else it can wait until the steps are done.
  let claims: Bool
  /// The kinds whose marks are on the endpoint already: nothing is set that could not be found again.
  let claimed: Set<Operation.Kind>
  /// Why it cannot be told whether the access is right.
  let problem: String?

  /// Nil where there is nothing to plan, as for nearly every endpoint.
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

  /// Whether nothing differs, what is not known aside.
  var isEmpty: Bool { steps.isEmpty && marks.isEmpty && problem == nil }
}

extension ManagedSettings {
  /// What a new endpoint is marked with.
  static func atCreation(_ settings: SideSettings) -> ManagedSettings {
    var parts = GatewayPlan(settings.gateway, live: nil, marked: []).managed
    if settings.notifications != nil { parts.insert(.notifications) }
    if settings.telemetry != nil { parts.insert(.telemetry) }
    if settings.access != nil { parts.insert(.access) }
    return ManagedSettings(parts)
  }
}

extension ManagedSettings.Part {
  /// Whose call changes it.
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
  /// Whether the manifest says more than tags, what is for creation alone aside.
  var hasMore: Bool { gateway != nil || notifications != nil || telemetry != nil || access != nil }
}
