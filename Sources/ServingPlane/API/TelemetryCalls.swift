import CanonicalJSON
import HTTPSupport
import Hummingbird
import ServingAPI
import Telemetry

/// The plane's own calls that read its telemetry. Who may call them is in ``RouteRule``; what an answer contains depends
/// on what its caller may manage.
struct TelemetryCalls: Sendable {
  /// Nil if the plane records nothing.
  let telemetry: TelemetryStore?
  let authorizer: any Authorizer
  let body: CallBody
  /// The values of an answer take at most about this many bytes, so that clients read it completely.
  var maximumBytes = 32 << 20
  /// Throws an ``APIError`` if no endpoint has the name.
  let requireEndpoint: @Sendable (String) async throws -> Void

  /// The rows of an answer to SQL: those that a call asks for at most, and those without a limit.
  private static let limits: (range: ClosedRange<Int64>, standard: Int64) = (1...100_000, 1000)
  /// The same for the seconds of a statement.
  private static let timeouts: (range: ClosedRange<Double>, standard: Double) = (0.001...300, 10)

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.post("/api/setpoint/sql") { request, _ in
      Response.json(try await answer(to: body.read(request)).json)
    }
    router.get("/api/setpoint/serving-endpoints/{name}/requests") { request, context in
      let (name, principal) = (context.path("name"), try sender(context))
      try await requireEndpoint(name)
      var filter = try RequestFilter(CallQuery(request), endpoint: name)
      // Others' requests are only for those who manage the endpoint.
      if !mayManage(name, principal) { filter.only(principal.name) }
      return Response.json(try await requests(filter).json)
    }
    router.get("/api/setpoint/usage") { request, context in
      let principal = try sender(context)
      let filter = try UsageFilter(CallQuery(request))
      return Response.json(try await usage(filter, for: principal).json)
    }
  }

  // MARK: The calls

  private func answer(to sent: WireSQLRequest) async throws -> WireSQLResult {
    let store = try store()
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw APIError.invalid(findings.joined(separator: "; ")) }
    guard let statement = sent.statement else { throw APIError.invalid("statement is missing") }
    let (limit, timeout) = (sent.limit ?? Self.limits.standard, sent.timeoutSeconds ?? Self.timeouts.standard)
    guard Self.limits.range.contains(limit) else {
      throw APIError.invalid("limit: expected 1 to \(Self.limits.range.upperBound) rows, found \(limit)")
    }
    guard Self.timeouts.range.contains(timeout) else {
      throw APIError.invalid(
        "timeout_seconds: expected more than 0 and at most \(Int(Self.timeouts.range.upperBound)) seconds, "
          + "found \(timeout)")
    }
    let start = ContinuousClock.now
    let result: SQLResult
    do throws(SQLError) {
      result = try await store.query(
        statement, limit: Int(limit), maximumBytes: maximumBytes, timeout: .seconds(timeout))
    } catch {
      throw APIError(error)
    }
    let words = Set(statement.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map { String($0) })
    let tables = Set(TelemetryTable.allCases.filter { words.contains($0.sqlName) })
    return WireSQLResult(
      columns: result.columns, rows: result.rows, isTruncated: result.isTruncated,
      milliseconds: Int64((ContinuousClock.now - start) / .milliseconds(1)),
      dropped: await store.losses(of: tables).map { WireTelemetryLoss($0) })
  }

  private func requests(_ filter: RequestFilter) async throws -> WireRecordedRequestList {
    let store = try store()
    var found = try await store.read { try filter.requests(in: $0) }
    let isTruncated = found.count > filter.limit
    if isTruncated { found.removeLast() }
    return WireRecordedRequestList(
      requests: found, isTruncated: isTruncated,
      dropped: await store.losses(of: [.requests], since: filter.since, until: filter.until)
        .map { WireTelemetryLoss($0) })
  }

  private func usage(_ filter: UsageFilter, for principal: Principal) async throws -> WireUsage {
    let store = try store()
    var filter = filter
    if !principal.rights.covers(.manage) {
      let endpoints = try await store.read(within: .seconds(filter.timeout)) { try UsageFilter.endpoints(in: $0) }
      let managed = endpoints.filter { mayManage($0, principal) }
      filter.only(principal.name, or: managed)
    }
    let rows = try await store.read(within: .seconds(filter.timeout)) { [filter] in try filter.rows(in: $0) }
    return WireUsage(
      by: filter.key.rawValue, rows: rows,
      dropped: await store.losses(of: [.requests], since: filter.since, until: filter.until)
        .map { WireTelemetryLoss($0) })
  }

  // MARK: -

  private func store() throws(APIError) -> TelemetryStore {
    guard let telemetry else { throw .nothingRecorded }
    return telemetry
  }

  private func sender(_ context: PlaneContext) throws(APIError) -> Principal {
    guard let principal = context.principal else { throw APIError(AccessTokenDigest.Refusal.missing) }
    return principal
  }

  private func mayManage(_ endpoint: String, _ principal: Principal) -> Bool {
    authorizer.level(of: principal, on: endpoint) == .manage
  }
}

extension WireTelemetryLoss {
  fileprivate init(_ loss: TelemetryLoss) {
    self.init(
      table: loss.table.sqlName, cause: loss.cause, rows: Int64(loss.rows), first: loss.first, last: loss.last)
  }
}
