/// Waiting keys in order of arrival, each with a time after which its place lapses.
struct WaitQueue<Key: Hashable & Sendable>: Sendable {
  private struct Entry {
    let ticket: UInt64
    let key: Key
    var lapse: Duration
  }

  /// The places by ticket, for binary search.
  private var entries: [Entry] = []
  private var tickets: [Key: UInt64] = [:]
  private var lastTicket: UInt64 = 0
  /// The earliest time at which a place lapses.
  private var firstLapse: Duration?

  var count: Int { entries.count }

  /// The times after which the places lapse.
  var lapses: [Duration] { entries.map(\.lapse) }

  /// Returns the number of keys ahead of the key; all, if it is not in line.
  func ahead(of key: Key) -> Int { index(of: key) ?? entries.count }

  /// Keeps the key's place, or adds it at the end, until `lapse`.
  mutating func stand(_ key: Key, until lapse: Duration) {
    firstLapse = min(firstLapse ?? lapse, lapse)
    if let index = index(of: key) {
      entries[index].lapse = lapse
    } else {
      lastTicket += 1
      tickets[key] = lastTicket
      entries.append(Entry(ticket: lastTicket, key: key, lapse: lapse))
    }
  }

  mutating func leave(_ key: Key) {
    guard let index = index(of: key) else { return }
    entries.remove(at: index)
    tickets[key] = nil
  }

  mutating func dropLapsed(at now: Duration) {
    guard let firstLapse, firstLapse < now else { return }
    for place in entries where place.lapse < now { tickets[place.key] = nil }
    entries.removeAll { $0.lapse < now }
    self.firstLapse = entries.lazy.map(\.lapse).min()
  }

  private func index(of key: Key) -> Int? {
    guard let ticket = tickets[key] else { return nil }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].ticket < ticket { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].ticket == ticket ? low : nil
  }
}
