import Endpoints
import ServingAPI

extension ServingEndpoints {
  /// What would become of a config if it were sent now. Changes nothing.
  func forecast(_ name: String, of wire: WireConfig) async -> RolloutForecast {
    let refusals = await lookUp(wire)
    let known = ids[name].flatMap { machines[$0] }
    if known == nil, let finding = EndpointName.finding(name) { return RolloutForecast(refusal: finding) }
    let config: PlaneConfig
    do throws(APIError) {
      config = try await read(
        wire, refusals, configVersion: known?.record.nextVersion ?? 1, now: wallClock(), serving: known?.record.active)
    } catch {
      // Other problems may pass, such as a version that is not registered yet.
      return RolloutForecast(refusal: error.status == 400 ? error.message : nil)
    }
    let machine = ids[name].flatMap { machines[$0] } ?? makeMachine(unsavedRecord(name))
    return machine.forecast(of: config, context(for: machine), lastStart: replicas.lastStart(of: machine.record.id))
  }

  /// The record of an endpoint that does not exist yet.
  private func unsavedRecord(_ name: String) -> EndpointRecord {
    let now = wallClock()
    return EndpointRecord(
      id: "", name: name, creator: settings.user, created: now, updated: now, description: "", tags: [:])
  }
}
