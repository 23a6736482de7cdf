import Endpoints
import HTTPSupport
import Scheduling
import ServingAPI
import Synchronization

extension ServingEndpoints {
  /// What would become of a config if a principal sent it now. Changes nothing.
  func forecast(_ name: String, of wire: WireConfig, by principal: HTTPSupport.Principal?) async -> RolloutForecast {
    let held = Self.versions(in: wire)
    models.hold(held)
    defer { models.release(held) }
    let refusals = await lookUp(wire)
    let known = ids[name].flatMap { machines[$0] }
    if known == nil, let finding = EndpointName.finding(name) { return RolloutForecast(refusal: finding) }
    let config: PlaneConfig
    do throws(APIError) {
      config = try await read(
        wire, refusals, configVersion: known?.record.nextVersion ?? 1, now: wallClock(), of: known?.record,
        by: principal)
    } catch {
      // Other problems may pass, and so does the lack of a version that is being registered.
      let isRefusal = [400, 403].contains(error.status) || error.status == 404 && !isBeingRegistered(wire)
      return RolloutForecast(refusal: isRefusal ? error.message : nil)
    }
    await prepare(config)
    let machine = ids[name].flatMap { machines[$0] } ?? makeMachine(unsavedRecord(name))
    var forecast = machine.forecast(
      of: config, context(for: machine, deploying: config), lastStart: replicas.lastStart(of: machine.record.id))
    if forecast.failsAtOnce, let refusal = forecast.refusal, let holders = roomHolders(beside: machine) {
      forecast.refusal = refusal + MessageView.holdersMark + holders
    }
    return forecast
  }

  /// Whether the plane has no version yet that a served entity names, because it is being registered.
  private func isBeingRegistered(_ wire: WireConfig) -> Bool {
    guard let directory = models as? ModelDirectory else { return false }
    let reserved = directory.registrations.withLock { $0.numbers }
    return wire.entities.contains { entity in
      guard let model = entity.entityName, let number = entity.entityVersion.flatMap({ Int($0) }) else { return false }
      return reserved[model]?.contains(number) ?? false
    }
  }

  /// The other endpoints that never give up the room that they hold; nil if there are none.
  func roomHolders(beside machine: EndpointMachine) -> String? {
    let holders = machines.values.filter { other in
      other.record.id != machine.record.id && !other.scalesToZero
        && other.replicas.values.contains { $0.places > 0 }
    }
    let names = holders.map(\.record.name).sorted()
    guard !names.isEmpty else { return nil }
    let more = names.count > Self.namedHolders ? " and \(names.count - Self.namedHolders) more" : ""
    return names.prefix(Self.namedHolders).map { "\"\($0)\"" }.joined(separator: ", ") + more
  }

  private static let namedHolders = 5

  /// The record of an endpoint that does not exist yet.
  private func unsavedRecord(_ name: String) -> EndpointRecord {
    let now = wallClock()
    return EndpointRecord(
      id: "", name: name, creator: settings.user, created: now, updated: now, description: "", tags: [:])
  }
}
