/// Which key has which slot. A slot whose key is removed is given to a later key, so that there are never more slots than
/// keys at once, and a removed key is not kept.
struct SlotNames<Key: Hashable & Sendable>: Sendable {
  private var keys: [Key?] = []
  private var numbers: [Key: Int] = [:]
  private var free: [Int] = []

  var count: Int { numbers.count }

  subscript(slot: Int) -> Key? { keys[slot] }

  func find(_ key: Key) -> Int? { numbers[key] }

  /// The key's slot; a free one becomes its own.
  mutating func slot(for key: Key) -> Int {
    if let slot = numbers[key] { return slot }
    let slot = free.popLast() ?? keys.count
    if slot == keys.count { keys.append(key) } else { keys[slot] = key }
    numbers[key] = slot
    return slot
  }

  mutating func remove(_ slot: Int) {
    guard let key = keys[slot] else { return }
    numbers[key] = nil
    keys[slot] = nil
    free.append(slot)
  }
}
