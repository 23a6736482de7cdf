/// The writes of all processes that currently count against a shared budget, and the urgent writes that wait. Pure.
struct WriteLedger: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    /// When it no longer counts, in milliseconds since 1970.
    let endsAt: Int64
    /// The process that wrote or waits.
    let writer: String
  }

  /// The writes; they count until they return to the budget.
  private var writes: [Entry] = []
  /// The urgent writes that wait, each until its place in line lapses.
  private var urgent: [Entry] = []

  init() {}

  /// Reads what ``bytes`` returns; nil if it is something else.
  ///
  /// Lines with another mark, one capital letter, are ignored: a later version of Setpoint may write them.
  init?(parsing bytes: [UInt8]) {
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      var parts = line.split(separator: " ")
      let isUrgent = parts.first == Self.urgentMark
      if isUrgent { parts.removeFirst() } else if Self.isMark(parts.first) { continue }
      guard parts.count == 2, let endsAt = Int64(parts[0]) else { return nil }
      let entry = Entry(endsAt: endsAt, writer: String(parts[1]))
      if isUrgent { urgent.append(entry) } else { writes.append(entry) }
    }
  }

  /// One line for each entry.
  var bytes: [UInt8] {
    let lines =
      writes.map { "\($0.endsAt) \($0.writer)\n" } + urgent.map { "\(Self.urgentMark) \($0.endsAt) \($0.writer)\n" }
    return Array(lines.joined().utf8)
  }

  private static let urgentMark: Substring = "U"

  private static func isMark(_ word: Substring?) -> Bool {
    guard let word, word.utf8.count == 1, let letter = word.utf8.first else { return false }
    return (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(letter)
  }

  /// Returns how long the writes of other processes still count.
  ///
  /// - Parameters:
  ///   - period: no write counts for longer, whatever the clocks say.
  ///   - isUrgent: whether the caller's write is urgent; if not, the urgent writes that wait count too.
  func waits(ofOthersThan writer: String, period: Duration, urgent isUrgent: Bool, now: Int64) -> [Duration] {
    (isUrgent ? writes : writes + urgent).filter { $0.writer != writer && $0.endsAt > now }.map {
      min(.milliseconds($0.endsAt - now), period)
    }
  }

  /// Replaces the entries of one process, and drops those that no longer count.
  ///
  /// - Parameters:
  ///   - waits: how long each of its writes still counts.
  ///   - urgentPlaces: how long each of its urgent writes keeps its place in line.
  mutating func replace(of writer: String, with waits: [Duration], urgentPlaces: [Duration], now: Int64) {
    Self.replace(in: &writes, of: writer, with: waits, now: now)
    Self.replace(in: &urgent, of: writer, with: urgentPlaces, now: now)
  }

  private static func replace(in entries: inout [Entry], of writer: String, with waits: [Duration], now: Int64) {
    entries.removeAll { $0.writer == writer || $0.endsAt <= now }
    // Rounded up, so that no write counts for less than the period.
    entries += waits.map { Entry(endsAt: now + $0.milliseconds + 1, writer: writer) }
    entries.sort { ($0.endsAt, $0.writer) < ($1.endsAt, $1.writer) }
  }
}

extension Duration {
  fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
