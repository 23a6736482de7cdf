package import Endpoints

/// The config of an endpoint while a new model version takes over step by step: a pure function of the previous config,
/// the new config and the new version's share.
package enum StepConfig {
  /// Returns the config in which the new version has `share` percent of the traffic, and the previous entities have the
  /// rest, split as before. At 100 percent the previous entities stay beside it without traffic.
  ///
  /// A live entity with a given name keeps it if neither config gives one, so that nothing is restarted because of a
  /// name. Two entities never share a name: a number is appended to the new version's. A plane's settings are the new
  /// config's in every entity.
  ///
  /// - Parameters:
  ///   - previous: the previous config.
  ///   - target: the complete new config.
  ///   - share: 0 to 100.
  ///   - live: the live config, for its names; nil if there is none.
  /// - Returns: nil if there is nothing to split: `target` serves several entities, or `previous` only its model
  ///   version, which an endpoint cannot hold twice.
  package static func config(
    from previous: EndpointConfig, to target: EndpointConfig, share: Int, live: EndpointConfig? = nil
  ) -> EndpointConfig? {
    guard let new = target.entities.first, target.entities.count == 1 else { return nil }
    let others = previous.entities.filter { !$0.isSameVersion(as: new) }
    guard !others.isEmpty else { return nil }
    let rest = zip(others, shares(of: others, outOf: 100 - share)).map { $0.serving($1).sharingPlane(of: new) }
    return EndpointConfig(entities: named(rest, new.serving(share), as: live))
  }

  /// Returns the config alone, with live names where it gives none.
  package static func config(_ target: EndpointConfig, live: EndpointConfig?) -> EndpointConfig {
    guard let live else { return target }
    return EndpointConfig(entities: target.entities.map { named($0, as: live) })
  }

  /// Returns each entity's part of `total`, in proportion to its traffic; the rest goes to the largest remainders.
  private static func shares(of entities: [ServedEntity], outOf total: Int) -> [Int] {
    let weights = entities.map { max(0, $0.traffic) }
    let sum = weights.reduce(0, +)
    guard sum > 0 else { return weights.indices.map { $0 == 0 ? total : 0 } }
    var shares = weights.map { $0 * total / sum }
    let byRemainder = weights.indices.sorted {
      let (one, other) = (weights[$0] * total % sum, weights[$1] * total % sum)
      return one == other ? $0 < $1 : one > other
    }
    for index in byRemainder.prefix(max(0, total - shares.reduce(0, +))) { shares[index] += 1 }
    return shares
  }

  private static func named(_ rest: [ServedEntity], _ new: ServedEntity, as live: EndpointConfig?) -> [ServedEntity] {
    let rest = rest.map { named($0, as: live) }
    let taken = Set(rest.map(\.name))
    let new = named(new, as: live)
    guard taken.contains(new.name) else { return rest + [new] }
    let free = (2...).lazy.map { "\(new.name.prefix(longestName - 3))-\($0)" }.first { !taken.contains($0) }
    return rest + [free.map { new.serving(new.traffic, as: $0) } ?? new]
  }

  private static func named(_ entity: ServedEntity, as live: EndpointConfig?) -> ServedEntity {
    guard entity.givenName == nil, let twin = live?.entity(like: entity), let name = twin.givenName else {
      return entity
    }
    return entity.serving(entity.traffic, as: name)
  }

  /// The maximum length of a served entity's name (serving-api.md Q13).
  private static let longestName = 63
}

extension EndpointConfig {
  /// Returns the entity of the same model version; an endpoint never holds one twice (serving-api.md E5).
  func entity(like other: ServedEntity) -> ServedEntity? {
    entities.first { $0.isSameVersion(as: other) }
  }

  /// Returns the one entity that is not `target`'s; nil if there is none or several, or if `target`'s are not all
  /// present.
  func entity(beside target: EndpointConfig) -> ServedEntity? {
    guard entities.count == target.entities.count + 1,
      target.entities.allSatisfy({ entity(like: $0) != nil })
    else { return nil }
    return entities.first { target.entity(like: $0) == nil }
  }

  func without(_ entity: ServedEntity) -> EndpointConfig {
    EndpointConfig(entities: entities.filter { $0 != entity })
  }
}

extension ServedEntity {
  func isSameVersion(as other: ServedEntity) -> Bool {
    entityName == other.entityName && entityVersion == other.entityVersion
  }
}
