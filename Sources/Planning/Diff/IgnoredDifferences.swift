internal import Endpoints

extension IgnoredDifference {
  /// Returns the differences between manifest and endpoint that are not drift, with the reasons.
  static func all(between desired: DesiredEndpoint, and live: ObservedEndpoint) -> [IgnoredDifference] {
    names(desired, live) + members(live) + previous(desired, live) + tags(desired, live) + settings(desired, live)
      + leftover(desired, live)
  }

  private static func names(_ desired: DesiredEndpoint, _ live: ObservedEndpoint) -> [IgnoredDifference] {
    (live.active?.config.entities ?? []).compactMap { entity in
      let twin = desired.config.entities.first {
        $0.entityName == entity.entityName && $0.entityVersion == entity.entityVersion
      }
      guard let twin, twin.givenName == nil, let chosen = entity.givenName else { return nil }
      return IgnoredDifference(
        path: "spec.servedEntities[name=\(chosen)].name", live: chosen,
        why: "the manifest sets no name, so the live one is kept")
    }
  }

  private static func members(_ live: ObservedEndpoint) -> [IgnoredDifference] {
    (live.active?.unrepresented ?? []).map {
      IgnoredDifference(
        path: $0, live: "set",
        why: "manifests cannot express it; the next update of the config drops it")
    }
  }

  /// The version that a rollout left without traffic, for a fast rollback.
  private static func previous(_ desired: DesiredEndpoint, _ live: ObservedEndpoint) -> [IgnoredDifference] {
    guard desired.rollout.keepPrevious, desired.config.entities.count == 1 else { return [] }
    return (live.active?.config.entities ?? []).compactMap { entity in
      let isDesired = desired.config.entities.contains {
        $0.entityName == entity.entityName && $0.entityVersion == entity.entityVersion
      }
      guard !isDesired, entity.traffic == 0 else { return nil }
      return IgnoredDifference(
        path: "spec.servedEntities[name=\(entity.name)]", live: "\(entity.entityName) version \(entity.entityVersion)",
        why: "the previous version, kept without traffic by rollout.keepPrevious")
    }
  }

  private static func tags(_ desired: DesiredEndpoint, _ live: ObservedEndpoint) -> [IgnoredDifference] {
    let managed = desired.managedTags
    let owned = OwnedKeys(tags: live.tags)
    return live.tags.sorted { $0.key < $1.key }.compactMap { key, value in
      if FleetTags.isOwn(key) {
        return IgnoredDifference(path: "tags.\(key)", live: value, why: "Setpoint's own tag")
      }
      guard managed[key] == nil, !owned.contains(key) else { return nil }
      return IgnoredDifference(
        path: "tags.\(key)", live: value, why: "the manifest does not manage it")
    }
  }

  private static func leftover(_ desired: DesiredEndpoint, _ live: ObservedEndpoint) -> [IgnoredDifference] {
    guard let active = live.active, desired.config.isMet(by: active.config) else { return [] }
    let word: String
    switch live.update {
    case .failed: word = "UPDATE_FAILED"
    case .canceled: word = "UPDATE_CANCELED"
    default: return []
    }
    return [
      IgnoredDifference(
        path: "state.config_update", live: word,
        why: "left by an earlier update; the active config is the desired one")
    ]
  }
}
