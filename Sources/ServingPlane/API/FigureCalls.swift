import HTTPSupport
import Hummingbird
import ServingAPI
import Telemetry

/// The plane's own calls that show what endpoints do: their figures over time, and their load now. Who may call them is in
/// ``RouteRule``.
struct FigureCalls: Sendable {
  let endpoints: ServingEndpoints
  let authorizer: any Authorizer
  /// Nil if nothing is measured.
  let telemetry: PlaneTelemetry?
  /// Milliseconds since 1970.
  let now: @Sendable () -> Int64

  /// The span of time of the requests that `top` shows.
  private static let lately: Int64 = 300_000

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/api/setpoint/serving-endpoints/{name}/figures") { request, context in
      Response.json(
        try await figures(of: context.path("name"), WindowQuery(CallQuery(request), now: now()).window).json)
    }
    router.get("/api/setpoint/top") { _, context in
      guard let principal = context.principal else { throw APIError(AccessTokenDigest.Refusal.missing) }
      let loads = await endpoints.loads { authorizer.level(of: principal, on: $0) != nil }.map { load in
        var load = load
        load.problem = load.problem.map(MessageView(principal, authorizer.level(of: principal, on: load.name)).shown)
        return load
      }
      return Response.json(try await top(loads).json)
    }
  }

  private func figures(of name: String, _ window: FigureWindow) async throws -> WireFigures {
    _ = try await endpoints.newestVersions(of: name)
    guard let store = telemetry?.store else { throw APIError.nothingRecorded }
    let figures = try await store.read { try EndpointFigures(name, window).read($0) }
    let times = window.times
    return WireFigures(
      from: window.span.lowerBound, to: window.span.upperBound, stepSeconds: window.step / 1000,
      figures: figures.map { figure in
        WireFigure(
          name: figure.name, unit: figure.unit,
          series: figure.series.map { series in
            let points = zip(times, series.values).map { (time: $0, value: $1.map(Self.rounded)) }
            return WireFigureSeries(name: series.name, version: series.version, points: points)
          })
      })
  }

  private func top(_ loads: [EndpointLoad]) async throws -> WireEndpointLoadList {
    let now = self.now()
    var recent: [String: Recent] = [:]
    if let store = telemetry?.store {
      let names = loads.map(\.name)
      recent = try await store.read { database -> [String: Recent] in
        var recent: [String: Recent] = [:]
        for name in names {
          recent[name] = Recent(
            requests: try EndpointFigures.summary(of: name, (now - Self.lately)..<(now + 1), database),
            tokensPerSecond: try EndpointFigures.generationRate(of: name, now: now, database))
        }
        return recent
      }
    }
    return WireEndpointLoadList(
      at: now, endpoints: loads.map { row($0, recent[$0.name], telemetry?.latest(of: $0.id) ?? []) })
  }

  /// What the store has of the last minutes.
  private struct Recent: Sendable {
    let requests: RequestSummary
    let tokensPerSecond: Double?
  }

  private func row(_ load: EndpointLoad, _ recent: Recent?, _ replicas: [ReplicaFigures]) -> WireEndpointLoad {
    func sum(_ values: [Double?]) -> Int64? {
      let known = values.compactMap(\.self)
      return known.isEmpty ? nil : Int64(exactly: known.reduce(0, +).rounded())
    }
    var row = WireEndpointLoad(name: load.name, state: load.state)
    row.problem = load.problem
    row.replicasReady = Int64(load.replicasReady)
    row.replicasDesired = Int64(load.replicasDesired)
    row.queued = Int64(load.queued)
    row.inFlight = Int64(load.inFlight)
    row.running = sum(replicas.map(\.running))
    row.waiting = sum(replicas.map(\.waiting))
    row.cacheUse = replicas.compactMap(\.kvCacheUsage).max()
    guard let recent else { return row }
    let minutes = Double(Self.lately) / 60_000
    let firstToken = recent.requests.firstTokenPercentiles
    row.tokensPerSecond = recent.tokensPerSecond.map(Self.rounded)
    row.firstTokenMedian = firstToken.map { Self.rounded($0.p50) }
    row.firstToken95 = firstToken.map { Self.rounded($0.p95) }
    row.requestsPerMinute = Self.rounded(Double(recent.requests.statuses.values.reduce(0, +)) / minutes)
    row.errorsPerMinute = Self.rounded(Double(recent.requests.failures) / minutes)
    return row
  }

  /// Further digits would only be noise.
  private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}

/// The span of time that a call asks for: `since_ms`, `until_ms` and `step_seconds`.
private struct WindowQuery {
  let window: FigureWindow

  private static let hour: Int64 = 3_600_000
  private static let longest: Int64 = 400 * 24 * hour

  init(_ query: CallQuery, now: Int64) throws(APIError) {
    let until = try query.number("until_ms", in: 1...(1 << 50)) ?? now
    let since = try query.number("since_ms", in: 0...(1 << 50)) ?? max(0, until - Self.hour)
    let step = try query.number("step_seconds", in: 1...86_400)
    guard since < until else { throw .invalid("since_ms must be before until_ms") }
    guard until - since <= Self.longest else { throw .invalid("since_ms: at most 400 days before until_ms") }
    window = FigureWindow(since..<until, step: step.map { $0 * 1000 })
  }
}

extension APIError {
  /// The plane has no telemetry store.
  static var nothingRecorded: APIError {
    APIError(
      status: 501, code: "NOT_IMPLEMENTED",
      message:
        "this serving plane records no telemetry: it was started with --no-telemetry, or its file could not be used, as "
        + "its log then says; restart it without --no-telemetry")
  }
}
