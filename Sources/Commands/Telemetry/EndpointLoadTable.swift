internal import CanonicalJSON
internal import ServingAPI

/// The loads of endpoints in the order of their trouble.
struct EndpointLoadTable {
  /// From this part on, a KV cache is full: requests wait, or lose what was computed for them.
  private static let fullCache = 0.9

  private let loads: [WireEndpointLoad]

  init(_ loads: [WireEndpointLoad]) {
    self.loads = loads.sorted { one, other in
      let (first, second) = (Self.trouble(of: one), Self.trouble(of: other))
      if first.rank != second.rank { return first.rank < second.rank }
      return first.extent != second.extent ? first.extent > second.extent : one.name < other.name
    }
  }

  var isEmpty: Bool { loads.isEmpty }

  func lines(_ palette: Palette) -> [String] {
    var table = Table([
      "NAME", "STATE", "REPLICAS", "RUNNING", "WAITING", "TOKENS/S", "TTFT P50", "P95", "KV CACHE", "ERRORS/MIN",
    ])
    for load in loads { table.append(Self.row(load)) }
    return table.lines(palette)
  }

  var json: JSONValue { ["kind": "EndpointLoadList", "items": .array(loads.map(Self.json))] }

  private static func json(_ load: WireEndpointLoad) -> JSONValue {
    func count(_ number: Int64?) -> JSONValue { number.map { .int($0) } ?? .null }
    func number(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
    return [
      "name": .string(load.name), "state": .string(load.state),
      "problem": load.problem.map { JSONValue.string($0) } ?? .null, "replicasReady": count(load.replicasReady),
      "replicasDesired": count(load.replicasDesired), "running": count(load.running), "waiting": count(load.waiting),
      "queued": count(load.queued), "inFlight": count(load.inFlight),
      "tokensPerSecond": number(load.tokensPerSecond), "ttftP50Ms": number(load.firstTokenMedian),
      "ttftP95Ms": number(load.firstToken95), "kvCache": number(load.cacheUse),
      "requestsPerMinute": number(load.requestsPerMinute), "errorsPerMinute": number(load.errorsPerMinute),
    ]
  }

  // MARK: -

  /// How bad it is: the lowest rank is the worst, and within a rank the highest extent.
  private static func trouble(of load: WireEndpointLoad) -> (rank: Int, extent: Double) {
    switch load.state {
    case "failed": return (0, 0)
    case "not ready": return (1, 0)
    default: break
    }
    if let errors = load.errorsPerMinute, errors > 0 { return (2, errors) }
    if let waiting = waiting(of: load), waiting > 0 { return (3, Double(waiting)) }
    if let use = load.cacheUse, use >= fullCache { return (4, use) }
    return (5, 0)
  }

  /// The requests that wait, for a replica or in an engine.
  private static func waiting(of load: WireEndpointLoad) -> Int64? {
    guard let queued = load.queued else { return load.waiting }
    return queued &+ (load.waiting ?? 0)
  }

  private static func row(_ load: WireEndpointLoad) -> [Table.Cell] {
    func count(_ number: Int64?) -> String { number.map(String.init) ?? "-" }
    func number(_ value: Double?) -> String { value.map { short($0) } ?? "-" }
    let waiting = waiting(of: load)
    let isFull = load.cacheUse ?? 0 >= fullCache
    let errors = load.errorsPerMinute ?? 0
    let isShort = (load.replicasReady ?? 0) < (load.replicasDesired ?? 0)
    return [
      Table.Cell(load.name), Table.Cell(load.state, style(of: load.state)),
      Table.Cell("\(count(load.replicasReady))/\(count(load.replicasDesired))", isShort ? .warning : nil),
      Table.Cell(count(load.running ?? load.inFlight)),
      Table.Cell(count(waiting), waiting ?? 0 > 0 ? .warning : nil), Table.Cell(number(load.tokensPerSecond)),
      Table.Cell(milliseconds(load.firstTokenMedian)), Table.Cell(milliseconds(load.firstToken95)),
      Table.Cell(load.cacheUse.map { "\(whole($0 * 100))%" } ?? "-", isFull ? .warning : nil),
      Table.Cell(number(load.errorsPerMinute), errors > 0 ? .failed : nil),
    ]
  }

  private static func style(of state: String) -> TextStyle? {
    switch state {
    case "failed": .failed
    case "not ready": .warning
    case "updating": .changed
    case "ready": .good
    default: .muted
    }
  }

  private static func milliseconds(_ time: Double?) -> String {
    guard let time else { return "-" }
    return time < 10_000 ? "\(whole(time))ms" : "\(whole(time / 1000))s"
  }

  /// With one decimal below ten.
  private static func short(_ value: Double) -> String {
    guard value < 10, value > 0, value != value.rounded() else { return whole(value) }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func whole(_ value: Double) -> String { Int64(exactly: value.rounded()).map { "\($0)" } ?? "?" }
}
