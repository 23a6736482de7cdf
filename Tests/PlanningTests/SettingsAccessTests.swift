import Endpoints
import Planning
import Testing

@Suite struct SettingsAccessTests {
  private let support = Grant(.group("support"), .canQuery)
  private let me = Principal.user("ci@example.com")

  private func desired(_ mode: AccessMode, _ grants: [Grant]) -> DesiredEndpoint {
    manifest(SideSettings(access: AccessSettings(mode: mode, grants: grants)))
  }

  private func simulator(_ mode: AccessMode, _ wanted: [Grant], live grants: [Grant]) -> SettingsSimulator {
    var simulator = SettingsSimulator.created(desired(mode, wanted))
    simulator.grants = grants
    return simulator
  }

  @Test func `additive access adds and changes the grants it names, and removes none`() {
    let others = [Grant(.user("boss@example.com"), .canManage), Grant(.servicePrincipal("app-1"), .canQuery)]
    let wanted = [support, Grant(.user("a@example.com"), .canManage)]
    var simulator = simulator(.additive, wanted, live: others + [Grant(.user("a@example.com"), .canView)])
    let decision = simulator.look(desired(.additive, wanted))
    #expect(
      decision.next == .call(.changeSetting(name: "chat", .grant(endpointID: "id", wanted.sorted()))))
    #expect(
      decision.settingFields.map { "\($0.path) \($0.from ?? "none") -> \($0.to ?? "none") [\($0.effect.rawValue)]" }
        == [
          "spec.access[group=support] none -> CanQuery [inPlace]",
          "spec.access[user=a@example.com] CanView -> CanManage [inPlace]",
        ])
    #expect(simulator.settle(desired(.additive, wanted)).action == .none)
    #expect(simulator.grants == (others + wanted).sorted())
    #expect(simulator.settle(desired(.additive, [])).action == .none)
    #expect(simulator.grants == (others + wanted).sorted(), "additive never removes")
  }

  @Test func `exact access removes other grants, and the deployer stays a manager`() {
    let stranger = Grant(.user("old@example.com"), .canManage)
    var simulator = simulator(.exact, [support], live: [Grant(me, .canManage), stranger])
    let decision = simulator.look(desired(.exact, [support]))
    #expect(
      decision.next
        == .call(.changeSetting(name: "chat", .setAccess(endpointID: "id", [support, Grant(me, .canManage)].sorted()))))
    #expect(
      decision.settingFields.map { "\($0.path) \($0.from ?? "none") -> \($0.to ?? "none")" } == [
        "spec.access[group=support] none -> CanQuery", "spec.access[user=old@example.com] CanManage -> none",
      ])
    #expect(simulator.settle(desired(.exact, [support])).action == .none)
    #expect(simulator.grants == [support, Grant(me, .canManage)].sorted())
  }

  @Test func `a manifest cannot remove the deployer's own permission`() {
    let lower = [Grant(me, .canQuery), support]
    var simulator = simulator(.exact, lower, live: [Grant(me, .canManage)])
    #expect(simulator.settle(desired(.exact, lower)).action == .none)
    #expect(simulator.grants == [Grant(me, .canManage), support].sorted())
  }

  @Test func `the creator counts as the deployer if the token's owner is unknown`() {
    let creator = "a1b2-app"
    let observed = ObservedEndpoint(
      name: "chat", id: "id", creator: creator, active: ObservedConfig(version: 5, config: v1.config),
      readiness: .ready, update: .notUpdating,
      tags: [FleetTags.fleet: "f", FleetTags.manages: "access"], lastUpdated: 1,
      settings: ObservedSettings(access: ObservedAccess(grants: [Grant(.servicePrincipal(creator), .canManage)])))
    let decision = decided(desired(.exact, [support]), observed)
    #expect(
      decision.next
        == .call(
          .changeSetting(
            name: "chat",
            .setAccess(endpointID: "id", [support, Grant(.servicePrincipal(creator), .canManage)].sorted()))))
  }

  @Test func `a token of a plane is one principal, whichever kind it is called`() {
    let wanted = [Grant(.servicePrincipal("ci"), .canQuery)]
    let live = [Grant(.user("ci"), .canQuery), Grant(me, .canManage)]
    for mode in [AccessMode.additive, .exact] {
      var plane = simulator(mode, wanted, live: live)
      #expect(plane.look(desired(mode, wanted)).settingFields.isEmpty)
      #expect(plane.settle(desired(mode, wanted)).action == .none)
      #expect(plane.grants == live)
    }
    let deployer = [Grant(.servicePrincipal(me.name), .canQuery)]
    var plane = simulator(.exact, deployer, live: [])
    #expect(plane.settle(desired(.exact, deployer)).action == .none)
    #expect(plane.grants == [Grant(.servicePrincipal(me.name), .canManage)], "named once, and still a manager")
  }

  @Test func `a second grant of a named principal does not survive exact access`() {
    let wanted = [Grant(.servicePrincipal("ci"), .canQuery)]
    var simulator = simulator(.exact, wanted, live: wanted + [Grant(.user("ci"), .canManage), Grant(me, .canManage)])
    #expect(simulator.settle(desired(.exact, wanted)).action == .none)
    #expect(simulator.grants == (wanted + [Grant(me, .canManage)]).sorted())
  }

  @Test func `the endpoint id is the one of the current observation`() {
    var simulator = simulator(.additive, [support], live: [])
    simulator.live = live(v1, tags: simulator.live.tags, id: "made-again")
    let decision = simulator.look(desired(.additive, [support]))
    #expect(decision.next == .call(.changeSetting(name: "chat", .grant(endpointID: "made-again", [support]))))
    #expect(decision.next.operation?.call == "PATCH /api/2.0/permissions/serving-endpoints/made-again")
  }

  @Test func `unreadable grants are neither in sync nor overwritten`() {
    var observed = live(v1, tags: [FleetTags.fleet: "f", FleetTags.manages: "access"])
    observed.settings = ObservedSettings(access: ObservedAccess(problem: "403 you may not read the ACL"))
    let decision = decided(desired(.exact, [support]), observed)
    #expect(decision.action == .hold)
    #expect(decision.reason.code == .blocked)
    #expect(decision.reason.detail.contains("403 you may not read the ACL"))
    #expect(decision.operations.isEmpty)
  }

  @Test func `when the manifest drops access, the grants stay and the mark is removed`() {
    var simulator = simulator(.exact, [support], live: [Grant(me, .canManage)])
    simulator.settle(desired(.exact, [support]))
    let before = simulator.grants
    #expect(simulator.settle(manifest(SideSettings())).action == .none)
    #expect(simulator.grants == before)
    #expect(simulator.live.tags == mine)
  }
}
