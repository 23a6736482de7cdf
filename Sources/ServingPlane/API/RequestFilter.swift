import CanonicalJSON
import GRDB
import ServingAPI

/// Which recorded requests a call asks for.
struct RequestFilter: Sendable {
  enum Order: String, CaseIterable, Sendable {
    case newest, slowest
    /// Only those that failed, the newest first.
    case failed
  }

  private static let largestLimit: Int64 = 10_000
  private static let usualLimit = 50

  let endpoint: String
  /// In milliseconds since 1970.
  let since: Int64
  /// The same; nil for now.
  let until: Int64?
  let order: Order
  let id: String?
  let principal: String?
  /// Nobody else's requests, whatever ``principal`` says.
  private var viewer: String?
  let limit: Int

  init(_ query: CallQuery, endpoint: String) throws(APIError) {
    self.endpoint = endpoint
    since = try query.number("since_ms", in: 0...Int64.max) ?? 0
    until = try query.number("until_ms", in: 0...Int64.max)
    order = try query.choice("order") ?? .newest
    id = query.text("id")
    principal = query.text("principal")
    limit = try query.number("limit", in: 1...Self.largestLimit).map { Int($0) } ?? Self.usualLimit
  }

  /// Leaves out what others have sent.
  mutating func only(_ viewer: String) { self.viewer = viewer }

  /// Returns the requests, and one more than ``limit`` if there are more.
  func requests(in database: Database) throws -> [WireRecordedRequest] {
    var conditions = ["time >= ?"]
    var values: [DatabaseValue] = [since.databaseValue]
    func add(_ condition: String, _ value: some DatabaseValueConvertible) {
      conditions.append(condition)
      values.append(value.databaseValue)
    }
    // The sign keeps SQLite from reading all of the endpoint's requests for one ID.
    add(id == nil ? "endpoint = ?" : "+endpoint = ?", endpoint)
    if let until { add("time <= ?", until) }
    if let id { add("request_id = ?", id) }
    if let principal { add("principal = ?", principal) }
    if let viewer { add("principal = ?", viewer) }
    if order == .failed { conditions.append(UsageFilter.failure) }
    let first = order == .slowest ? "latency_ms DESC, " : ""
    let columns = WireRecordedRequest.columns
    return try Row.fetchAll(
      database,
      sql: """
        SELECT \(columns.joined(separator: ", ")) FROM requests WHERE \(conditions.joined(separator: " AND "))
          ORDER BY \(first)time DESC, record_id DESC LIMIT \(limit + 1)
        """,
      arguments: StatementArguments(values)
    ).map { row in
      WireRecordedRequest(
        members: Dictionary(
          zip(columns, row.databaseValues).map { ($0, JSONValue($1, column: $0)) }, uniquingKeysWith: { $1 }))
    }
  }
}

extension JSONValue {
  fileprivate init(_ value: DatabaseValue, column: String) {
    self =
      switch value.storage {
      case .null, .blob: .null
      case .int64(let number):
        ["streamed", "cold_start"].contains(column) ? .bool(number != 0) : .int(number)
      case .double(let number): .double(number)
      case .string(let text):
        column == "metadata" ? (try? JSONValue(parsing: text)) ?? .string(text) : .string(text)
      }
  }
}
