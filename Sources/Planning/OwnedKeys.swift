internal import LibCrypto

/// The tag keys that the manifest set, as recorded in the endpoint's own tags: a tag that the manifest drops is
/// removed, others stay. Readable if it fits into one value; else short hashes, in as many tags as needed.
package struct OwnedKeys: Hashable, Sendable {
  private let plain: Set<Substring>
  private let hashes: Set<Substring>

  /// Reads the endpoint's tags. An invalid value owns nothing, so that nothing is removed.
  package init(tags: [String: String]) {
    var plain: Set<Substring> = []
    var hashes: Set<Substring> = []
    for (key, value) in tags where Self.isMark(key) {
      for item in value.split(separator: ",") {
        if item.hasPrefix("#") { hashes.insert(item) } else { plain.insert(item) }
      }
    }
    self.plain = plain
    self.hashes = hashes
  }

  package var isEmpty: Bool { plain.isEmpty && hashes.isEmpty }

  package func contains(_ key: String) -> Bool {
    plain.contains(key[...]) || !hashes.isEmpty && hashes.contains(Self.hash(key)[...])
  }

  /// Returns the tags that record these keys as owned; none for no keys.
  package static func tags(for keys: some Collection<String>) -> [String: String] {
    if keys.isEmpty { return [:] }
    let text = keys.sorted().joined(separator: ",")
    if text.utf8.count <= FleetTags.longestValue, !keys.contains(where: isMistakable) {
      return [FleetTags.owns: text]
    }
    let hashes = keys.map(hash).sorted()
    let perTag = FleetTags.longestValue / (hashLength + 1)
    let chunks = stride(from: 0, to: hashes.count, by: perTag).map { start in
      hashes[start..<min(start + perTag, hashes.count)].joined(separator: ",")
    }
    return Dictionary(uniqueKeysWithValues: chunks.enumerated().map { (mark($0), $1) })
  }

  /// Whether an endpoint's tags carry exactly these marks.
  static func areMarks(_ marks: [String: String], on tags: [String: String]) -> Bool {
    tags.keys.count(where: isMark) == marks.count && marks.allSatisfy { tags[$0.key] == $0.value }
  }

  /// Whether a key cannot be in a readable list: it looks like a hash, or contains the comma that separates keys.
  private static func isMistakable(_ key: String) -> Bool {
    key.utf8.first == UInt8(ascii: "#") || key.utf8.contains(UInt8(ascii: ","))
  }

  /// Whether the key is `setpoint-owns`, `setpoint-owns-2`, …
  static func isMark(_ key: String) -> Bool {
    if key == FleetTags.owns { return true }
    guard key.hasPrefix(FleetTags.owns) else { return false }
    let rest = key.dropFirst(FleetTags.owns.count)
    return rest.isEmpty || rest.first == "-" && Int(rest.dropFirst()) != nil
  }

  private static func mark(_ index: Int) -> String {
    index == 0 ? FleetTags.owns : "\(FleetTags.owns)-\(index + 1)"
  }

  private static let hashLength = 11
  /// Returns a mark and 40 bits: enough to distinguish some dozens of keys.
  private static func hash(_ key: String) -> String { "#" + SHA256.hash(key).hexString.prefix(hashLength - 1) }
}
