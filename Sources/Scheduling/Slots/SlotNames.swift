/// The mapping of keys to slots. The slot of a removed key is reused, so that there are never more slots than keys at
/// one time, and a removed key is not kept.
struct SlotNames<Key: Hashable & Sendable>: Sendable {
  private var keys: [Key?] = []
  private var numbers: [Key: Int] = [:]
  private var free: [Int] = []

  var count: Int { numbers.count }

  subscript(slot: Int) -> Key? { keys[slot] }

  func find(_ key: Key) -> Int? { numbers[key] }

  /// Returns the key's slot, or assigns a free one.
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
