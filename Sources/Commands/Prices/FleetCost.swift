internal import CanonicalJSON
internal import Endpoints

/// The hourly cost of live endpoints, individually and in total.
struct FleetCost {
  private let costs: [(endpoint: String, cost: HourlyCost)]
  private let text: CostText

  /// - Parameter cloud: the workspace's; nil: unknown.
  init(_ endpoints: [ObservedEndpoint], prices: PriceList, on cloud: Cloud?) {
    text = CostText(prices: prices)
    costs = endpoints.map { endpoint in
      // Both are billed while a rollout runs them side by side.
      let configs = [endpoint.active, endpoint.update.isUpdating ? endpoint.pending : nil].compactMap { $0?.config }
      return (endpoint.name, configs.reduce(.nothing) { $0 + prices.cost(of: $1, on: cloud) })
    }
  }

  private var total: HourlyCost { costs.reduce(.nothing) { $0 + $1.cost } }

  /// The lines with the costs, below the list of endpoints.
  func lines(_ palette: Palette) -> [String] {
    var table = Table(["ENDPOINT", "COST"])
    for (endpoint, cost) in costs { table.append([Table.Cell(endpoint), Table.Cell(text.amount(cost))]) }
    table.append(["total", Table.Cell(text.amount(total))])
    let gaps = costs.flatMap { item in item.cost.gaps.map { "  \(item.endpoint): \($0)" } }
    return [palette.paint(text.title + ":", .strong)] + table.lines(palette).map { "  \($0)" } + gaps
  }

  /// The basis of every figure, the total, and each endpoint's cost by name.
  var json: JSONValue {
    var members = text.json
    members["total"] = text.json(total)
    members["endpoints"] = .object(
      Dictionary(costs.map { ($0.endpoint, text.json($0.cost)) }, uniquingKeysWith: { one, _ in one }))
    return .object(members)
  }
}
