import CanonicalJSON
import GRDB
import ServingAPI

/// Which requests a call sums up, and by what.
struct UsageFilter: Sendable {
  enum Key: String, CaseIterable, Sendable {
    case principal, endpoint, version
  }

  /// Whether a row of `requests` has no complete answer.
  static let failure = "(status >= 400 OR error_code IS NOT NULL)"

  let key: Key
  /// In milliseconds since 1970.
  let since: Int64
  /// The same; nil for now.
  let until: Int64?
  let endpoint: String?
  /// After this many seconds, the call is stopped.
  let timeout: Int64
  /// If set, only the requests of this principal, and all requests to these endpoints.
  private var visible: (principal: String, endpoints: [String])?

  init(_ query: CallQuery) throws(APIError) {
    key = try query.choice("by") ?? .principal
    since = try query.number("since_ms", in: 0...Int64.max) ?? 0
    until = try query.number("until_ms", in: 0...Int64.max)
    endpoint = query.text("endpoint")
    timeout = try query.number("timeout_seconds", in: 1...300) ?? 10
  }

  /// Leaves out what others have sent to other endpoints.
  mutating func only(_ principal: String, or endpoints: [String]) { visible = (principal, endpoints) }

  /// Returns the sums; the largest consumers of tokens first.
  func rows(in database: Database) throws -> [WireUsageRow] {
    var conditions = ["time >= ?"]
    var values: [DatabaseValue] = [since.databaseValue]
    if let until {
      conditions.append("time <= ?")
      values.append(until.databaseValue)
    }
    if let endpoint {
      conditions.append("endpoint = ?")
      values.append(endpoint.databaseValue)
    }
    if let visible {
      let names = JSONValue.array(visible.endpoints.map(JSONValue.string)).text()
      conditions.append("(principal = ? OR endpoint IN (SELECT value FROM json_each(?)))")
      values += [visible.principal.databaseValue, names.databaseValue]
    }
    let keys =
      switch key {
      case .principal: ["principal"]
      case .endpoint: ["endpoint"]
      case .version: ["model_version", "endpoint"]
      }
    let groups = keys.joined(separator: ", ")
    let columns = key == .version ? groups : "\(groups), NULL"
    // The signs keep SQLite from reading all requests in the order of the groups, instead of those of the period.
    let grouping = keys.map { "+" + $0 }.joined(separator: ", ")
    return try Row.fetchAll(
      database,
      sql: """
        SELECT \(columns), count(*) AS requests, coalesce(sum\(Self.failure), 0), coalesce(sum(tokens_in), 0),
          coalesce(sum(tokens_out), 0) AS tokens, min(time), max(time)
          FROM requests WHERE \(conditions.joined(separator: " AND "))
          GROUP BY \(grouping) ORDER BY tokens DESC, requests DESC, \(groups)
        """,
      arguments: StatementArguments(values)
    ).map { row in try Self.row(row) }
  }

  /// The names of all endpoints that have requests, found without reading these.
  static func endpoints(in database: Database) throws -> [String] {
    try String.fetchAll(
      database,
      sql: """
        WITH RECURSIVE found (name) AS (
          SELECT min(endpoint) FROM requests
          UNION ALL SELECT (SELECT min(endpoint) FROM requests WHERE endpoint > found.name) FROM found
            WHERE found.name IS NOT NULL)
        SELECT name FROM found WHERE name IS NOT NULL
        """)
  }

  private static func row(_ row: Row) throws -> WireUsageRow {
    func text(_ index: Int) throws -> JSONValue {
      try row.decode(String?.self, atIndex: index).map { .string($0) } ?? .null
    }
    func number(_ index: Int) throws -> JSONValue { .int(try row.decode(Int64.self, atIndex: index)) }
    var members: [String: JSONValue] = [
      "key": try text(0), "requests": try number(2), "failed": try number(3), "tokens_in": try number(4),
      "tokens_out": try number(5), "first": try number(6), "last": try number(7),
    ]
    let endpoint = try text(1)
    if !endpoint.isNull { members["endpoint"] = endpoint }
    return WireUsageRow(members: members)
  }
}
