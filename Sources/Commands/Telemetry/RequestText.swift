internal import CanonicalJSON
internal import ServingAPI

/// Recorded requests as text.
enum RequestText {
  static func table(_ requests: [WireRecordedRequest]) -> Table {
    var table = Table([
      "TIME", "ID", "PRINCIPAL", "VERSION", "STATUS", "QUEUE", "TTFT", "LATENCY", "IN", "OUT", "ERROR",
    ])
    for request in requests {
      table.append([
        Table.Cell(request.time.map(TimeText.instant) ?? "-"), Table.Cell(request.id ?? "-"),
        Table.Cell(request.principal ?? "-"), Table.Cell(request.modelVersion ?? "-"),
        Table.Cell(request.status.map { String($0) } ?? "-", request.isFailed ? .failed : nil),
        Table.Cell(time(request.queue)), Table.Cell(time(request.timeToFirstToken)), Table.Cell(time(request.latency)),
        Table.Cell(request.tokensIn.map { String($0) } ?? "-"), Table.Cell(request.tokensOut.map { String($0) } ?? "-"),
        Table.Cell(request.error ?? request.errorCode ?? ""),
      ])
    }
    return table
  }

  /// Every column that has a value, one in a line.
  static func description(_ request: WireRecordedRequest) -> [String] {
    let fields = WireRecordedRequest.columns.compactMap { column -> (name: String, value: String)? in
      guard let value = request.members[column], !value.isNull else { return nil }
      return (column, text(value, column))
    }
    let width = fields.map { $0.name.count }.max() ?? 0
    return fields.map { "\("\($0.name):".padded(to: width + 2))\($0.value)" }
  }

  /// A time in milliseconds: `0.4ms`, `12ms`, `1.25s`, `2m05s`.
  static func time(_ milliseconds: Double?) -> String {
    guard let milliseconds, milliseconds.isFinite, milliseconds >= 0, milliseconds < 1e15 else { return "-" }
    switch milliseconds {
    case ..<9.95: return "\(number((milliseconds * 10).rounded() / 10))ms"
    case ..<999.5: return "\(Int64(milliseconds.rounded()))ms"
    case ..<59_995: return "\(number((milliseconds / 10).rounded() / 100))s"
    default: return TimeText.span(seconds: Int64((milliseconds / 1000).rounded()))
    }
  }

  /// A whole number has no fraction.
  private static func number(_ number: Double) -> String { JSONValue.double(number).text() }

  private static func text(_ value: JSONValue, _ column: String) -> String {
    switch column {
    case "time": value.intValue.map { "\(TimeText.instant($0)) (\($0))" } ?? value.text()
    case _ where column.hasSuffix("_ms"): time(value.doubleValue)
    case "streamed", "cold_start": value.boolValue.map { $0 ? "yes" : "no" } ?? value.text()
    default: value.stringValue ?? value.text()
    }
  }
}
