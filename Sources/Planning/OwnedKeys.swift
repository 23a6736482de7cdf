internal import LibCrypto

/// Which tag keys the manifest set, as the endpoint's own tags tell: a tag that the manifest drops is removed, somebody
/// else's stays. Readable while it fits one value; else short hashes, in as many tags as are needed.
package struct OwnedKeys: Hashable, Sendable {
  private let plain: Set<Substring>
  private let hashes: Set<Substring>

  /// Reads what is on the endpoint. A value that makes no sense owns nothing: then nothing of anybody's is removed.
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

  /// The tags that say that these keys are owned; none for no keys.
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

  /// Whether an endpoint's tags bear exactly these marks.
  static func areMarks(_ marks: [String: String], on tags: [String: String]) -> Bool {
    tags.keys.count(where: isMark) == marks.count && marks.allSatisfy { tags[$0.key] == $0.value }
  }

  /// Whether a key cannot stand in a readable list: it looks like a hash, or holds the comma that parts two keys.
  private static func isMistakable(_ key: String) -> Bool {
    key.utf8.first == UInt8(ascii: "#") || key.utf8.contains(UInt8(ascii: ","))
  }

  /// `setpoint-owns`, `setpoint-owns-2`, …
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
  /// A mark and 40 bits: enough to tell some dozens of keys apart.
  private static func hash(_ key: String) -> String { "#" + SHA256.hash(key).hexString.prefix(hashLength - 1) }
}
