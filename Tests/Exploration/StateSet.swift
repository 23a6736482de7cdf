/// A set of state keys: open addressing on plain integers, several times smaller than a `Set`. No key is 0 or all ones.
struct StateSet {
  private var slots = [UInt64](repeating: .max, count: 1 << 16)
  private(set) var count = 0

  /// Whether the key is new.
  mutating func insert(_ key: UInt64) -> Bool {
    if count * 2 > slots.count { grow() }
    guard Self.place(key, in: &slots) else { return false }
    count += 1
    return true
  }

  private static func place(_ key: UInt64, in slots: inout [UInt64]) -> Bool {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: mix(key)) & mask
    while slots[index] != .max {
      if slots[index] == key { return false }
      index = (index + 1) & mask
    }
    slots[index] = key
    return true
  }

  private mutating func grow() {
    var larger = [UInt64](repeating: .max, count: slots.count * 2)
    for key in slots where key != .max { _ = Self.place(key, in: &larger) }
    slots = larger
  }

  /// Spreads the key over the table (the finalizer of SplitMix64).
  private static func mix(_ key: UInt64) -> UInt64 {
    var value = key
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
