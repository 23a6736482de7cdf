internal import CanonicalJSON
package import LibCrypto

/// The part of an endpoint that is rolled out: the served entities and the split of traffic between them. Changing any
/// of it creates a new config version at the provider; nothing else does.
package struct EndpointConfig: Hashable, Sendable {
  /// The entities in canonical order: by model, version, then name. The order in a manifest or a response has no
  /// meaning.
  package let entities: [ServedEntity]

  package init(entities: [ServedEntity]) {
    self.entities = entities.count > 1 ? entities.sorted(by: Self.precedes) : entities
  }

  private static func precedes(_ one: ServedEntity, _ other: ServedEntity) -> Bool {
    if one.entityName != other.entityName { return one.entityName < other.entityName }
    if one.entityVersion != other.entityVersion { return one.entityVersion < other.entityVersion }
    return one.name < other.name
  }

  /// The canonical JSON that the digest is computed from.
  package var canonicalJSON: [UInt8] {
    var writer = CanonicalWriter()
    writer.object { writer in
      writer.key("served_entities")
      writer.array { writer in
        for entity in entities { entity.write(to: &writer) }
      }
    }
    return writer.bytes
  }

  /// SHA-256 of the canonical JSON. Two configs with the same digest are the same rollout.
  package var digest: ConfigDigest { ConfigDigest(SHA256.hash(canonicalJSON)) }

  /// Returns this config with default entity names wherever `other` gives none: a live name that the manifest did not
  /// choose is not drift. Entities are paired by model and version, which an endpoint never holds twice
  /// (serving-api.md E5).
  package func named(like other: EndpointConfig) -> EndpointConfig {
    EndpointConfig(
      entities: entities.map { entity in
        let twin = other.entities.first {
          $0.entityName == entity.entityName && $0.entityVersion == entity.entityVersion
        }
        guard let twin, twin.givenName == nil else { return entity }
        return entity.named(like: twin)
      })
  }

  /// Whether a live config means the same as this one.
  package func isMet(by live: EndpointConfig) -> Bool { live == self || live.named(like: self) == self }
}

/// The identity of a rollout's content: SHA-256 of an ``EndpointConfig``'s canonical JSON.
package struct ConfigDigest: Hashable, Sendable, Comparable, CustomStringConvertible {
  private let value: SHA256Digest

  package init(_ value: SHA256Digest) { self.value = value }

  /// Creates a digest from 64 hex digits; nil for anything else.
  package init?(hex: String) {
    guard let value = SHA256Digest(hex: hex) else { return nil }
    self.value = value
  }

  /// All 64 hex digits.
  package var hex: String { value.hexString }
  /// The first 12 hex digits, for people.
  package var description: String { String(hex.prefix(12)) }

  package static func < (one: ConfigDigest, other: ConfigDigest) -> Bool { one.value < other.value }
}
