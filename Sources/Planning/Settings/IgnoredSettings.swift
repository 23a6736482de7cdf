internal import Endpoints

extension IgnoredDifference {
  /// Returns the live side settings that are not drift, with the reasons.
  static func settings(_ desired: DesiredEndpoint, _ live: ObservedEndpoint) -> [IgnoredDifference] {
    guard let seen = live.settings else { return [] }
    let marked = ManagedSettings(tags: live.tags).parts
    return gateway(desired.sideSettings.gateway, seen.gateway ?? GatewaySettings(), marked)
      + notifications(desired.sideSettings.notifications, seen.notifications, marked)
      + telemetry(desired.sideSettings.telemetry, seen.telemetry, marked)
      + access(desired.sideSettings.access, seen.access, live) + creation(desired.sideSettings.creation, seen)
  }

  private static func gateway(
    _ wanted: GatewaySettings?, _ live: GatewaySettings, _ marked: Set<ManagedSettings.Part>
  ) -> [IgnoredDifference] {
    var ignored: [IgnoredDifference] = []
    if wanted?.rateLimits == nil, !marked.contains(.rateLimits) {
      ignored += (live.rateLimits ?? []).map {
        IgnoredDifference(path: "spec.\(SettingsFields.path(of: $0))", live: SettingsFields.text($0), why: unmanaged)
      }
    }
    if wanted?.usageTracking == nil, let tracking = live.usageTracking, !marked.contains(.usageTracking) {
      ignored.append(.init(path: "spec.gateway.usageTracking", live: "\(tracking)", why: unmanaged))
    }
    if let table = live.inferenceTable {
      if wanted?.inferenceTable == nil, !marked.contains(.inferenceTable) {
        ignored.append(.init(path: "spec.gateway.inferenceTable", live: SettingsFields.text(table), why: unmanaged))
      } else if let wanted = wanted?.inferenceTable, wanted.tableNamePrefix == nil, wanted.hasNames(of: table),
        let prefix = table.tableNamePrefix
      {
        ignored.append(
          .init(
            path: "spec.gateway.inferenceTable.tableNamePrefix", live: prefix,
            why: "the manifest sets none; the provider's default is kept"))
      }
    }
    return ignored
      + live.other.keys.sorted().map {
        IgnoredDifference(
          path: "ai_gateway.\($0)", live: "set",
          why: "manifests cannot express it; it is kept when the gateway is changed")
      }
  }

  private static func notifications(
    _ wanted: NotificationSettings?, _ live: NotificationSettings?, _ marked: Set<ManagedSettings.Part>
  ) -> [IgnoredDifference] {
    guard wanted == nil, !marked.contains(.notifications), let live, !live.isEmpty else { return [] }
    let addresses = Set(live.onUpdateSuccess + live.onUpdateFailure).sorted().joined(separator: ", ")
    return [.init(path: "spec.notifications", live: addresses, why: unmanaged)]
  }

  private static func telemetry(
    _ wanted: TelemetrySettings?, _ live: ObservedTelemetry?, _ marked: Set<ManagedSettings.Part>
  ) -> [IgnoredDifference] {
    guard let live else { return [] }
    guard let wanted else {
      return marked.contains(.telemetry)
        ? []
        : [
          .init(
            path: "spec.telemetry", live: SettingsFields.text(live) ?? "on",
            why: "the manifest sets none; the existing one is kept")
        ]
    }
    guard wanted.profileID == nil, let profile = live.profileID else { return [] }
    return [
      .init(
        path: "spec.telemetry.profileId", live: profile,
        why: "the provider's own profile for the tables that the manifest names; the API does not return their names")
    ]
  }

  private static func access(
    _ wanted: AccessSettings?, _ live: ObservedAccess?, _ endpoint: ObservedEndpoint
  ) -> [IgnoredDifference] {
    guard let wanted, let live, live.problem == nil else { return [] }
    let plan = AccessPlan(wanted: wanted, live: live, creator: endpoint.creator, endpointID: endpoint.id)
    return live.grants.compactMap { grant in
      guard let named = wanted.grants.first(where: { $0.principal.isSame(as: grant.principal) }) else {
        let why: String? =
          plan.isDeployer(grant.principal)
          ? "the deploying principal remains a manager"
          : wanted.mode == .additive ? "in additive mode, other grants are kept" : nil
        return why.map {
          IgnoredDifference(path: "spec.access[\(grant.principal.key)]", live: grant.level.manifestWord, why: $0)
        }
      }
      guard named.level != grant.level, grant.level == .canManage, plan.isDeployer(grant.principal) else { return nil }
      return IgnoredDifference(
        path: "spec.access[\(grant.principal.key)]", live: grant.level.manifestWord,
        why: "the deploying principal remains a manager, although the manifest says \(named.level.manifestWord)")
    }.sorted { $0.path < $1.path }
  }

  private static func creation(_ wanted: CreationSettings, _ live: ObservedSettings) -> [IgnoredDifference] {
    var ignored: [IgnoredDifference] = []
    if wanted.description == nil, let text = live.description, !text.isEmpty {
      ignored.append(.init(path: "spec.description", live: text, why: unmanaged))
    } else if let text = wanted.description, text != live.description ?? "" {
      ignored.append(.init(path: "spec.description", live: live.description ?? "", why: creationOnly))
    }
    if let policy = live.effectiveBudgetPolicy, wanted.budgetPolicy != policy {
      ignored.append(
        .init(
          path: "spec.budgetPolicy", live: policy, why: wanted.budgetPolicy == nil ? unmanaged : creationOnly))
    }
    if wanted.routeOptimized == nil, live.routeOptimized {
      ignored.append(.init(path: "spec.routeOptimized", live: "true", why: unmanaged))
    }
    return ignored
  }

  private static let unmanaged = "the manifest does not manage it"
  private static let creationOnly = "it can only be set at creation"
}
