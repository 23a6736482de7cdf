/// First-in, first-out lists of slots that also allow removal from the middle. A slot is in at most one list, and
/// everything except ``slots(in:)`` takes O(1).
struct SlotLists: Sendable {
  private struct Link {
    var list = SlotLists.none
    var previous = SlotLists.none
    var next = SlotLists.none
  }

  private struct Ends {
    var first = SlotLists.none
    var last = SlotLists.none
    var count = 0
  }

  /// Stands for no slot and no list.
  private static let none = -1
  private var links: [Link] = []
  private var lists: [Ends]

  init(count: Int) { lists = Array(repeating: Ends(), count: count) }

  func count(of list: Int) -> Int { lists[list].count }

  /// Returns the list that a slot is in.
  func list(of slot: Int) -> Int? { links[slot].list == Self.none ? nil : links[slot].list }

  /// Returns the slot behind another one in its list.
  func next(after slot: Int) -> Int? { links[slot].next == Self.none ? nil : links[slot].next }

  func first(of list: Int) -> Int? { lists[list].first == Self.none ? nil : lists[list].first }

  func last(of list: Int) -> Int? { lists[list].last == Self.none ? nil : lists[list].last }

  mutating func makeRoom(for slot: Int) {
    while links.count <= slot { links.append(Link()) }
  }

  mutating func makeRoom(forList list: Int) {
    while lists.count <= list { lists.append(Ends()) }
  }

  /// Appends a slot, which must not be in a list, to a list.
  mutating func append(_ slot: Int, to list: Int) {
    let last = lists[list].last
    links[slot] = Link(list: list, previous: last, next: Self.none)
    if last == Self.none { lists[list].first = slot } else { links[last].next = slot }
    lists[list].last = slot
    lists[list].count += 1
  }

  /// Inserts a slot, which must not be in a list, before one that is in a list.
  mutating func insert(_ slot: Int, before next: Int) {
    let (list, previous) = (links[next].list, links[next].previous)
    links[slot] = Link(list: list, previous: previous, next: next)
    links[next].previous = slot
    if previous == Self.none { lists[list].first = slot } else { links[previous].next = slot }
    lists[list].count += 1
  }

  /// Inserts a slot, which must not be in a list, at the beginning of a list.
  mutating func prepend(_ slot: Int, to list: Int) {
    if let first = first(of: list) { insert(slot, before: first) } else { append(slot, to: list) }
  }

  /// Removes the slot from its list, if any.
  mutating func remove(_ slot: Int) {
    let link = links[slot]
    guard link.list != Self.none else { return }
    if link.previous == Self.none { lists[link.list].first = link.next } else { links[link.previous].next = link.next }
    if link.next == Self.none {
      lists[link.list].last = link.previous
    } else {
      links[link.next].previous = link.previous
    }
    lists[link.list].count -= 1
    links[slot] = Link()
  }

  /// Returns the slots of a list in order.
  func slots(in list: Int) -> some Sequence<Int> {
    sequence(state: lists[list].first) { [links] (slot: inout Int) -> Int? in
      guard slot != Self.none else { return nil }
      defer { slot = links[slot].next }
      return slot
    }
  }
}
