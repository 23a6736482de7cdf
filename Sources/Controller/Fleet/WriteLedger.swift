/// The writes that count against a budget now, of all processes that share it. Pure.
struct WriteLedger: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    /// When the write no longer counts, in milliseconds since 1970.
    let returnsAt: Int64
    /// The process that wrote.
    let writer: String
  }

  var entries: [Entry] = []

  init() {}

  /// Reads what ``bytes`` returns; nil if it is something else.
  init?(parsing bytes: [UInt8]) {
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 2, let returnsAt = Int64(parts[0]) else { return nil }
      entries.append(Entry(returnsAt: returnsAt, writer: String(parts[1])))
    }
  }

  /// One line for each write.
  var bytes: [UInt8] { Array(entries.map { "\($0.returnsAt) \($0.writer)\n" }.joined().utf8) }

  /// Returns how long the writes of other processes still count.
  ///
  /// - Parameter period: none counts for longer, whatever the clocks say.
  func waits(ofOthersThan writer: String, period: Duration, now: Int64) -> [Duration] {
    entries.filter { $0.writer != writer && $0.returnsAt > now }.map {
      min(.milliseconds($0.returnsAt - now), period)
    }
  }

  /// Replaces the writes of one process, and drops those that no longer count.
  ///
  /// - Parameter waits: how long each of its writes still counts.
  mutating func replace(of writer: String, with waits: [Duration], now: Int64) {
    entries.removeAll { $0.writer == writer || $0.returnsAt <= now }
    // Rounded up, so that no write counts for less than the period.
    entries += waits.map { Entry(returnsAt: now + $0.milliseconds + 1, writer: writer) }
    entries.sort { ($0.returnsAt, $0.writer) < ($1.returnsAt, $1.writer) }
  }
}

extension Duration {
  fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
