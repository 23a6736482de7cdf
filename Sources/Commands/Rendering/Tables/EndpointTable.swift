internal import Endpoints
internal import History
internal import Planning

/// The table of live endpoints that `get` prints.
enum EndpointTable {
  /// - Parameters:
  ///   - statuses: by name, the controllers' reports; their columns are shown if there are any.
  ///   - pastFailures: the endpoints whose failed update is over, although the provider still reports it.
  static func table(
    _ endpoints: [ObservedEndpoint], statuses: [String: EndpointStatus] = [:], pastFailures: Set<String> = [],
    isWide: Bool, now: Int64
  ) -> Table {
    let showsStatus = endpoints.contains { statuses[$0.name] != nil }
    let columns =
      isWide
      ? ["NAME", "STATE", "MODEL", "WORKLOAD", "SIZE", "ZERO", "CONFIG VERSION", "FLEET", "CHANGED", "CREATOR", "ID"]
      : ["NAME", "STATE", "MODEL", "SIZE", "FLEET", "CHANGED"]
    var table = Table(columns + (showsStatus ? ["PHASE", "NEXT", "WHY"] : []))
    for endpoint in endpoints {
      let status = showsStatus ? cells(statuses[endpoint.name], now) : []
      let state = EndpointState(endpoint, isFailurePast: pastFailures.contains(endpoint.name))
      table.append(row(endpoint, state, isWide: isWide, now: now) + status)
    }
    return table
  }

  private static func cells(_ status: EndpointStatus?, _ now: Int64) -> [Table.Cell] {
    guard let status else { return ["-", "-", ""] }
    return [
      Table.Cell(status.standing, status.phase.style),
      Table.Cell(StatusText.next(status, Timestamp(milliseconds: now)) ?? "-"),
      Table.Cell(StatusText.shortened(status.why)),
    ]
  }

  private static func row(
    _ endpoint: ObservedEndpoint, _ state: EndpointState, isWide: Bool, now: Int64
  ) -> [Table.Cell] {
    let config = (endpoint.active ?? endpoint.pending)?.config
    let sizes = unique(config) { $0.sizeText ?? "-" }
    let age = endpoint.lastUpdated > 0 ? TimeText.age(milliseconds: now - endpoint.lastUpdated) : "-"
    let model = Table.Cell(config?.modelText ?? "-")
    let fleet = Table.Cell(endpoint.fleet ?? "-")
    let name = Table.Cell(endpoint.name)
    let shown = Table.Cell(state.text, state.style)
    guard isWide else { return [name, shown, model, Table.Cell(sizes), fleet, Table.Cell(age)] }
    let zero = unique(config) { $0.scaleToZero ? "yes" : "no" }
    let version = (endpoint.active ?? endpoint.pending).map { String($0.version) } ?? "-"
    return [
      name, shown, model, Table.Cell(unique(config, \.workloadType)), Table.Cell(sizes), Table.Cell(zero),
      Table.Cell(version), fleet, Table.Cell(age), Table.Cell(endpoint.creator ?? "-"), Table.Cell(endpoint.id),
    ]
  }

  private static func unique(_ config: EndpointConfig?, _ text: (ServedEntity) -> String) -> String {
    var seen: [String] = []
    for entity in config?.entities ?? [] where !seen.contains(text(entity)) { seen.append(text(entity)) }
    return seen.isEmpty ? "-" : seen.joined(separator: ", ")
  }
}
