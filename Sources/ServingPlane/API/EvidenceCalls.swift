import HTTPSupport
import Hummingbird
import ServingAPI
import Telemetry

/// The call for what the plane knows of an endpoint. `setpoint explain` makes a diagnosis of it.
struct EvidenceCalls: Sendable {
  let endpoints: ServingEndpoints
  let telemetry: PlaneTelemetry
  let authorizer: any Authorizer

  /// How far back, in milliseconds: 15 minutes, and at most a week.
  private static let usualWindow: Int64 = 900_000
  private static let longestWindow: Int64 = 604_800_000

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/api/setpoint/serving-endpoints/{name}/evidence") { request, context in
      let name = context.path("name")
      let window = try Self.window(CallQuery(request))
      let principal = try context.sender
      let level = authorizer.level(of: principal, on: name)
      let isManager = level == .manage
      var evidence = try await endpoints.evidence(name, window: window, isManager: isManager)
      let view = MessageView(principal, level)
      evidence.entities = evidence.entities?.map { entity in
        var entity = entity
        entity.message = entity.message.map(view.shown)
        return entity
      }
      evidence.unknown = []
      if !isManager {
        evidence.unknown = [
          "log lines, error messages and the names of other callers: they need CAN_MANAGE on the endpoint"
        ]
      }
      let now = PlaneTelemetry.wallClock() / 1_000_000
      let recorded = RecordedEvidence(
        endpoint: name, since: now - window, now: now, caller: principal.name, isManager: isManager,
        seesUnrouted: isManager && principal.rights.covers(.manage))
      await recorded.add(to: &evidence, from: telemetry.store)
      if evidence.engines == nil, let id = try? await endpoints.machine(name).record.id {
        evidence.engines = telemetry.latest(of: id).map { WireEvidenceEngine($0) }
      }
      return Response.json(evidence.json)
    }
  }

  private static func window(_ query: CallQuery) throws(APIError) -> Int64 {
    min(try query.number("window_ms", in: 1...Int64.max) ?? usualWindow, longestWindow)
  }
}

extension WireEvidenceEngine {
  /// The last figures, for a plane that records none.
  fileprivate init(_ figures: ReplicaFigures) {
    self.init()
    replica = figures.resource.replica
    runningMean = figures.running
    runningMost = figures.running
    waitingMean = figures.waiting
    waitingMost = figures.waiting
    cacheMean = figures.kvCacheUsage
    cacheMost = figures.kvCacheUsage
  }
}
