/// Who waits, in the order of their coming, each until a time after which its place lapses.
struct WaitingLine<Key: Hashable & Sendable>: Sendable {
  private struct Place {
    let ticket: UInt64
    let key: Key
    var lapse: Duration
  }

  /// By ticket, so that a place is found by halving.
  private var places: [Place] = []
  private var tickets: [Key: UInt64] = [:]
  private var lastTicket: UInt64 = 0
  /// No place lapses before.
  private var firstLapse: Duration?

  var count: Int { places.count }

  /// How many stand before the key; everybody, where it does not stand in line.
  func ahead(of key: Key) -> Int { index(of: key) ?? places.count }

  /// Keeps the key's place, or gives it the last one, until `lapse`.
  mutating func stand(_ key: Key, until lapse: Duration) {
    firstLapse = min(firstLapse ?? lapse, lapse)
    if let index = index(of: key) {
      places[index].lapse = lapse
    } else {
      lastTicket += 1
      tickets[key] = lastTicket
      places.append(Place(ticket: lastTicket, key: key, lapse: lapse))
    }
  }

  mutating func leave(_ key: Key) {
    guard let index = index(of: key) else { return }
    places.remove(at: index)
    tickets[key] = nil
  }

  mutating func dropLapsed(at now: Duration) {
    guard let firstLapse, firstLapse < now else { return }
    for place in places where place.lapse < now { tickets[place.key] = nil }
    places.removeAll { $0.lapse < now }
    self.firstLapse = places.lazy.map(\.lapse).min()
  }

  private func index(of key: Key) -> Int? {
    guard let ticket = tickets[key] else { return nil }
    var low = 0
    var high = places.count
    while low < high {
      let middle = (low + high) / 2
      if places[middle].ticket < ticket { low = middle + 1 } else { high = middle }
    }
    return low < places.count && places[low].ticket == ticket ? low : nil
  }
}
