/// The entries of a mapping under construction. A few keys are compared one by one; more are found in a table.
struct UniqueEntries {
  private(set) var list: [YAMLMapping.Entry] = []
  private var places: [String: Int] = [:]

  private static let fewKeys = 16

  /// - Returns: nil if the entry was added, else the position where the key is already set.
  mutating func append(_ key: consuming YAMLKey, _ value: consuming YAMLNode) -> SourceMark? {
    if let place = place(of: key.text) { return list[place].key.mark }
    add(YAMLMapping.Entry(key: key, value: value))
    return nil
  }

  mutating func appendIfNew(_ entry: YAMLMapping.Entry) {
    if place(of: entry.key.text) == nil { add(entry) }
  }

  private mutating func add(_ entry: consuming YAMLMapping.Entry) {
    // Most mappings have a handful of keys: reserving room once is cheaper than growing step by step.
    if list.isEmpty { list.reserveCapacity(6) }
    list.append(entry)
    if list.count > Self.fewKeys {
      places[list[list.count - 1].key.text] = list.count - 1
    } else if list.count == Self.fewKeys {
      for place in list.indices { places[list[place].key.text] = place }
    }
  }

  private func place(of key: String) -> Int? {
    guard list.count < Self.fewKeys else { return places[key] }
    // By index, so that only the texts are read: a loop over the entries would copy each.
    for place in list.indices where list[place].key.text == key { return place }
    return nil
  }
}
