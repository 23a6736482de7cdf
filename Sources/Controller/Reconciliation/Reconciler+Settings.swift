internal import Endpoints
internal import Planning
internal import ServingAPI

extension Reconciler {
  /// Adds the endpoint's grants to the observation if the manifest sets permissions. They are read separately, by the
  /// ID in this observation: another endpoint of the same name has another ID (serving-api.md Q42).
  func withAccess(_ observed: Observation, _ desired: Desired) async throws -> Observation {
    guard case .present(let wanted, _) = desired, wanted.sideSettings.access != nil, !options.leavesSettings,
      case .present(var live) = observed, !live.update.isUpdating, live.belongs(to: options.fleet) || options.adopt
    else { return observed }
    var settings = live.settings ?? ObservedSettings()
    do {
      settings.access = try await provider.access(id: live.id)
    } catch let error as ServingError {
      settings.access = ObservedAccess(problem: error.description)
    }
    live.settings = settings
    return .present(live)
  }

  func send(_ change: SettingChange, to name: String) async throws {
    switch change {
    case .gateway(let settings): try await provider.putGateway(name, settings)
    case .notifications(let settings): try await provider.patchNotifications(name, settings)
    case .telemetry(let settings): try await provider.patchTelemetry(name, settings)
    case .grant(let id, let grants): try await provider.patchAccess(id: id, grants)
    case .setAccess(let id, let grants): try await provider.putAccess(id: id, grants)
    }
  }
}
