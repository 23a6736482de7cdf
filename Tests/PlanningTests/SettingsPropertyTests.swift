import Endpoints
import Planning
import Testing

/// Every combination of a few values of each setting, desired and live, with every subset of marks that matters.
@Suite struct SettingsPropertyTests {
  private static let gateways: [GatewaySettings?] = [
    nil, GatewaySettings(usageTracking: false), GatewaySettings(rateLimits: [sixtyCalls], usageTracking: true),
    GatewaySettings(rateLimits: [], inferenceTable: table),
    GatewaySettings(
      rateLimits: [RateLimit(key: "user_group", principal: "support", tokens: 9), RateLimit(key: "user", calls: 1)],
      inferenceTable: InferenceTable(catalog: "main", schema: "other")),
  ]

  private static let telemetry: [TelemetrySettings?] = [
    nil, TelemetrySettings(logsTable: "a.b.c"), TelemetrySettings(samplingFraction: 0.5, profileID: "p"),
  ]

  private static let notifications: [NotificationSettings?] = [
    nil, NotificationSettings(), NotificationSettings(onUpdateFailure: ["b@example.com", "a@example.com"]),
  ]

  private static let access: [AccessSettings?] = [
    nil, AccessSettings(grants: [Grant(.group("support"), .canQuery)]),
    AccessSettings(mode: .exact, grants: [Grant(.user("a@example.com"), .canView)]),
  ]

  private static let wanted: [SideSettings] = gateways.flatMap { gateway in
    telemetry.flatMap { telemetry in
      zip(notifications, access).map { notifications, access in
        SideSettings(gateway: gateway, notifications: notifications, telemetry: telemetry, access: access)
      }
    }
  }

  private static let observed: [ObservedSettings?] =
    [nil]
    + gateways.dropFirst().map { gateway in
      ObservedSettings(
        gateway: gateway, notifications: gateway?.usageTracking == true ? notifications.last ?? nil : nil,
        telemetry: gateway?.inferenceTable == nil ? nil : ObservedTelemetry(profileID: "x", samplingFraction: 0.1))
    }

  private static let marks: [ManagedSettings] = [
    ManagedSettings(), ManagedSettings([.rateLimits, .notifications]),
    ManagedSettings(Set(ManagedSettings.Part.allCases), appliedTelemetry: "0123456789ab"),
  ]

  private static var worlds: [SettingsSimulator] {
    observed.flatMap { settings in
      marks.map { marks in
        var tags = mine
        tags[FleetTags.manages] = marks.value
        var observed = PlanningTests.live(v1, tags: tags)
        observed.settings = settings
        var simulator = SettingsSimulator(observed)
        simulator.grants = [Grant(.user("ci@example.com"), .canManage), Grant(.group("others"), .canQuery)]
        return simulator
      }
    }
  }

  @Test func `every state converges, and then nothing is left to do on any machine`() {
    for settings in Self.wanted {
      for start in Self.worlds {
        var simulator = start
        let end = simulator.settle(manifest(settings))
        #expect(end.action == .none, "\(settings) from \(start.live.settings as Any): \(end)")
        #expect(simulator.now == start.now, "no waiting")
        #expect(simulator.calls.count <= 9)
        let elsewhere = SettingsSimulator.looking(at: simulator)
        let again = elsewhere.look(manifest(settings))
        #expect(again.action == .none && again.next == .rest && again.operations.isEmpty)
        #expect(again.settingFields.isEmpty && again.tagPatch.isEmpty)
      }
    }
  }

  @Test func `a diff is empty exactly when there are no calls, and every call has its field`() {
    for settings in Self.wanted {
      for simulator in Self.worlds {
        let decision = simulator.look(manifest(settings))
        let changes = decision.operations.filter { $0.kind != .tags }
        #expect(changes.isEmpty == decision.settingFields.isEmpty)
        #expect((decision.action == .none) == (changes.isEmpty && decision.tagPatch.isEmpty))
        #expect(simulator.look(manifest(settings)) == decision, "deciding again decides the same")
        for field in decision.settingFields { #expect(field.from != field.to) }
        #expect(Set(decision.settingFields.map(\.path)).count == decision.settingFields.count)
      }
    }
  }

  @Test func `settings that are not managed and not marked never change`() {
    for settings in Self.wanted {
      for start in Self.worlds {
        let marked = ManagedSettings(tags: start.live.tags).parts
        var simulator = start
        simulator.settle(manifest(settings))
        let (before, after) = (start.live.settings?.gateway, simulator.live.settings?.gateway)
        if settings.gateway?.rateLimits == nil, !marked.contains(.rateLimits) {
          #expect(before?.rateLimits ?? [] == after?.rateLimits ?? [])
        }
        if settings.gateway?.usageTracking == nil, !marked.contains(.usageTracking) {
          #expect(before?.usageTracking == after?.usageTracking)
        }
        if settings.gateway?.inferenceTable == nil, !marked.contains(.inferenceTable) {
          #expect(before?.inferenceTable == after?.inferenceTable)
        }
        if settings.telemetry == nil, !marked.contains(.telemetry) {
          #expect(start.live.settings?.telemetry == simulator.live.settings?.telemetry)
        }
        if settings.access?.mode != .exact {
          #expect(Set(start.grants).isSubset(of: simulator.grants))
        }
      }
    }
  }

  @Test func `the order of limits and grants does not matter`() {
    let limits = [
      sixtyCalls, RateLimit(key: "endpoint", calls: 5), RateLimit(key: "user_group", principal: "g", calls: 1),
    ]
    let grants = [Grant(.group("b"), .canQuery), Grant(.user("a@example.com"), .canView)]
    func desired(_ limits: [RateLimit], _ grants: [Grant]) -> DesiredEndpoint {
      manifest(
        SideSettings(gateway: GatewaySettings(rateLimits: limits), access: AccessSettings(mode: .exact, grants: grants))
      )
    }
    var simulator = SettingsSimulator(live(v1))
    simulator.settle(desired(limits, grants))
    simulator.grants.reverse()
    #expect(simulator.look(desired(limits.reversed(), grants.reversed())).action == .none)
  }

  @Test(arguments: [
    "", ",,,", "telemetry=", "telemetry=zzz", "gateway", "notifications=yes", "=", "\u{0}", "unknown,words",
  ])
  func `a damaged mark removes nothing`(value: String) {
    var observed = live(v1, tags: [FleetTags.fleet: "f", FleetTags.manages: value])
    observed.settings = ObservedSettings(
      gateway: GatewaySettings(rateLimits: [sixtyCalls], usageTracking: true),
      notifications: NotificationSettings(onUpdateFailure: ["a@example.com"]))
    var simulator = SettingsSimulator(observed)
    simulator.settle(manifest(SideSettings()))
    #expect(simulator.kinds.allSatisfy { $0 == .tags })
    #expect(simulator.live.settings == observed.settings)
  }

  @Test func `the mark fits in a tag value, and a mark of a later version stays`() {
    let all = ManagedSettings(Set(ManagedSettings.Part.allCases), appliedTelemetry: "0123456789ab")
    #expect((all.value?.utf8.count ?? 0) <= 128)
    let newer = ManagedSettings(tags: [FleetTags.manages: "notifications,serving.mesh=7,telemetry"])
    #expect(newer.value == "notifications,telemetry,serving.mesh=7")
    let long = String(repeating: "x", count: 300)
    #expect((ManagedSettings(tags: [FleetTags.manages: "access,\(long)"]).value?.utf8.count ?? 0) <= 256)
  }
}

extension SettingsSimulator {
  /// Another machine, without a history.
  static func looking(at simulator: SettingsSimulator) -> SettingsSimulator {
    var other = SettingsSimulator(simulator.live)
    other.grants = simulator.grants
    return other
  }
}
