/// Slots by time, earliest first; with equal times, in order of insertion. A binary heap in which every slot's index is
/// known, so that a slot can also be removed early without a trace. Insertion and removal take O(log n).
struct DelayHeap: Sendable {
  private struct Entry {
    let time: Duration
    let order: UInt64
    let slot: Int

    static func < (one: Entry, other: Entry) -> Bool {
      one.time != other.time ? one.time < other.time : one.order < other.order
    }
  }

  private static let absent = -1
  private var entries: [Entry] = []
  private var places: [Int] = []
  private var puts: UInt64 = 0

  var count: Int { entries.count }

  /// The slot with the earliest time.
  var first: (slot: Int, time: Duration)? { entries.first.map { ($0.slot, $0.time) } }

  mutating func makeRoom(for slot: Int) {
    while places.count <= slot { places.append(Self.absent) }
  }

  /// Inserts a slot that is not in the heap.
  mutating func put(_ slot: Int, at time: Duration) {
    puts += 1
    let entry = Entry(time: time, order: puts, slot: slot)
    entries.append(entry)
    rise(entry, from: entries.count - 1)
  }

  /// Removes the slot, if it is in the heap.
  mutating func remove(_ slot: Int) {
    let place = places[slot]
    guard place != Self.absent, let last = entries.popLast() else { return }
    places[slot] = Self.absent
    guard place < entries.count else { return }
    // The last entry fills the gap, then moves up or down.
    if place > 0, last < entries[(place - 1) / 2] { rise(last, from: place) } else { sink(last, from: place) }
  }

  private mutating func rise(_ entry: Entry, from start: Int) {
    var place = start
    while place > 0 {
      let parent = (place - 1) / 2
      guard entry < entries[parent] else { break }
      set(entries[parent], at: place)
      place = parent
    }
    set(entry, at: place)
  }

  private mutating func sink(_ entry: Entry, from start: Int) {
    var place = start
    while true {
      var child = 2 * place + 1
      guard child < entries.count else { break }
      if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
      guard entries[child] < entry else { break }
      set(entries[child], at: place)
      place = child
    }
    set(entry, at: place)
  }

  private mutating func set(_ entry: Entry, at place: Int) {
    entries[place] = entry
    places[entry.slot] = place
  }
}
