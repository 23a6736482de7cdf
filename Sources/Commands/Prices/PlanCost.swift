internal import CanonicalJSON
internal import Endpoints
internal import Planning

/// How a plan changes the hourly cost.
struct PlanCost {
  /// One endpoint that the plan names.
  struct Line {
    let endpoint: String
    let now: HourlyCost
    let after: HourlyCost
    /// The cost while a rollout runs old and new replicas side by side; nil if it never does.
    let overlap: HourlyCost?
  }

  let lines: [Line]
  /// The cost of the unchanged endpoints.
  let unchanged: HourlyCost
  private let unchangedCount: Int
  private let text: CostText

  /// - Parameter cloud: the workspace's; nil: unknown.
  init(
    _ plan: Plan, of items: [PlanItem], _ options: DecisionOptions, now: Timestamp, prices: PriceList, on cloud: Cloud?
  ) {
    text = CostText(prices: prices)
    let changes = Dictionary(
      plan.changes.filter { $0.action != .none }.map { ($0.endpoint, $0) }, uniquingKeysWith: { one, _ in one })
    var lines: [Line] = []
    var unchanged = HourlyCost.nothing
    var unchangedCount = 0
    for item in items {
      let live = item.liveConfig
      let cost = live.map { prices.cost(of: $0, on: cloud) } ?? .nothing
      guard let change = changes[item.name] else {
        // An endpoint of another owner that no manifest names is not part of the plan.
        guard case .present = item.desired else { continue }
        unchanged = unchanged + cost
        unchangedCount += 1
        continue
      }
      let target = item.target(of: change, options, now: now) ?? live
      let after = change.action == .delete ? .nothing : target.map { prices.cost(of: $0, on: cloud) } ?? .nothing
      let startsReplicas = change.fields.contains { $0.effect == .rolling }
      let isRecreated = change.fields.contains { $0.effect == .recreate }
      let overlaps =
        live != nil && startsReplicas && !isRecreated && (change.action == .update || change.action == .rollback)
      lines.append(Line(endpoint: item.name, now: cost, after: after, overlap: overlaps ? cost + after : nil))
    }
    self.lines = lines.sorted { $0.endpoint < $1.endpoint }
    self.unchanged = unchanged
    self.unchangedCount = unchangedCount
  }

  private var totalNow: HourlyCost { lines.reduce(unchanged) { $0 + $1.now } }
  private var totalAfter: HourlyCost { lines.reduce(unchanged) { $0 + $1.after } }

  /// The lines with the costs, below the plan.
  func lines(_ palette: Palette) -> [String] {
    var table = Table(["ENDPOINT", "NOW", "AFTER", "WHILE BOTH RUN"])
    func row(_ name: String, _ now: HourlyCost, _ after: HourlyCost, _ overlap: HourlyCost? = nil) {
      let both = overlap.map { "up to \(text.amount(HourlyCost(least: $0.most, most: $0.most, gaps: $0.gaps)))" }
      table.append([
        Table.Cell(name), Table.Cell(text.amount(now)), Table.Cell(text.amount(after)), Table.Cell(both ?? ""),
      ])
    }
    for line in lines { row(line.endpoint, line.now, line.after, line.overlap) }
    if unchangedCount > 0 { row("\(unchangedCount) unchanged", unchanged, unchanged) }
    row("total", totalNow, totalAfter)
    return [palette.paint(text.title + ":", .strong)] + table.lines(palette).map { "  \($0)" } + gaps.map { "  \($0)" }
  }

  private var gaps: [String] {
    let changed = lines.flatMap { line in (line.now + line.after).gaps.map { "\(line.endpoint): \($0)" } }
    return changed + unchanged.gaps.map { "unchanged: \($0)" }
  }

  /// Returns the JSON of a plan or a result with its cost: a member for each endpoint of `list`, and one for the total.
  func added(to json: JSONValue, list: String) -> JSONValue {
    guard var members = json.objectValue else { return json }
    let costs = Dictionary(lines.map { ($0.endpoint, self.json(of: $0)) }, uniquingKeysWith: { one, _ in one })
    members[list] = members[list]?.arrayValue.map { items in
      .array(
        items.map { item in
          guard var priced = item.objectValue, let name = priced["endpoint"]?.stringValue, let cost = costs[name] else {
            return item
          }
          priced["cost"] = cost
          return .object(priced)
        })
    }
    var total = text.json
    total["now"] = text.json(totalNow)
    total["after"] = text.json(totalAfter)
    members["cost"] = .object(total)
    return .object(members)
  }

  private func json(of line: Line) -> JSONValue {
    var members: [String: JSONValue] = ["now": text.json(line.now), "after": text.json(line.after)]
    if let overlap = line.overlap { members["whileBothRun"] = text.json(overlap) }
    return .object(members)
  }
}

extension PlanItem {
  /// The config that is running and billed now.
  fileprivate var liveConfig: EndpointConfig? {
    guard case .present(let live) = observed else { return nil }
    return (live.active ?? live.pending)?.config
  }

  /// Returns the endpoint's desired config; nil if it does not change.
  fileprivate func target(of change: EndpointChange, _ options: DecisionOptions, now: Timestamp) -> EndpointConfig? {
    guard change.action != .hold else { return nil }
    return decide(desired: desired, observed: observed, memory: memory, now: now, options: options).target?.config
  }
}
