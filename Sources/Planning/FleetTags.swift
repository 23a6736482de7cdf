package import Endpoints

/// The tags by which a laptop, a CI job and a pod agree on an endpoint. They are not part of a digest, a diff or an
/// import.
package enum FleetTags {
  /// The name of the fleet that owns the endpoint.
  package static let fleet = "setpoint-fleet"
  /// What is held; see ``HeldTag``.
  package static let held = "setpoint-held"
  /// Present while the manifest's deletion policy is Retain: by the time it matters, the manifest itself is gone.
  package static let retain = "setpoint-retain"
  /// Which tag keys the manifest set; see ``OwnedKeys``.
  package static let owns = "setpoint-owns"
  /// Which side settings the manifest set; see ``ManagedSettings``.
  package static let manages = "setpoint-manages"
  /// The maximum length of a tag's value, in UTF-8 bytes.
  package static let longestValue = 256

  /// Whether the key is one of Setpoint's own, which a manifest cannot set.
  package static func isOwn(_ key: String) -> Bool { key.hasPrefix(ReservedNames.tagPrefix) }

  /// Whether the name belongs to an endpoint of the platform, which is never touched.
  package static func isReserved(endpoint name: String) -> Bool { name.hasPrefix("databricks-") }

  /// Whether tags say that an endpoint outlives its manifest. Any value except `false` protects it.
  package static func isRetained(_ tags: [String: String]) -> Bool { tags[retain].map { $0 != "false" } ?? false }
}

extension ObservedEndpoint {
  /// The fleet that owns the endpoint; nil if it carries no fleet tag.
  package var fleet: String? { tags[FleetTags.fleet] }

  /// The owner of an endpoint that is not this fleet's, as a clause. A missing tag does not mean that Setpoint never
  /// managed it.
  package var ownerClause: String { ownerClause(isKnown: false) }

  /// - Parameter isKnown: whether this machine remembers that it created or adopted the endpoint.
  func ownerClause(isKnown: Bool) -> String {
    if let fleet { return "it belongs to fleet \"\(fleet)\"" }
    if isKnown { return "its fleet tag (\(FleetTags.fleet)) is missing: Setpoint created or adopted it" }
    return tags.keys.contains(where: FleetTags.isOwn)
      ? "its fleet tag (\(FleetTags.fleet)) is missing: it has other Setpoint tags" : "no fleet owns it"
  }

  /// Whether the endpoint is to outlive its manifest.
  package var isRetained: Bool { FleetTags.isRetained(tags) }

  /// Whether the fleet owns it; no fleet owns the platform's endpoints.
  package func belongs(to fleet: String) -> Bool {
    self.fleet == fleet && !FleetTags.isReserved(endpoint: name)
  }
}

extension DesiredEndpoint {
  /// The manifest's tags, without those that only Setpoint may set.
  var managedTags: [String: String] {
    sideSettings.tags.keys.contains(where: FleetTags.isOwn)
      ? sideSettings.tags.filter { !FleetTags.isOwn($0.key) } : sideSettings.tags
  }

  /// Returns every tag of a new endpoint.
  func tagsAtCreation(fleet: String) -> [String: String] {
    var tags = guardTags(fleet: fleet).merging(managedTags) { $1 }.merging(OwnedKeys.tags(for: managedTags.keys)) { $1 }
    if sideSettings.hasMore { tags[FleetTags.manages] = ManagedSettings.atCreation(sideSettings).value }
    return tags
  }

  private func guardTags(fleet: String) -> [String: String] {
    deletionPolicy == .retain ? [FleetTags.fleet: fleet, FleetTags.retain: "true"] : [FleetTags.fleet: fleet]
  }

  /// Returns the tags that must be on the endpoint before anything else is done to it: its owner and its protection.
  func guardPatch(on live: [String: String], fleet: String) -> TagPatch {
    // Nearly every endpoint already matches.
    if live[FleetTags.fleet] == fleet, live[FleetTags.retain] == (deletionPolicy == .retain ? "true" : nil) {
      return TagPatch()
    }
    let wanted = guardTags(fleet: fleet)
    return TagPatch(
      add: wanted.filter { live[$0.key] != $0.value },
      remove: wanted[FleetTags.retain] == nil && live[FleetTags.retain] != nil ? [FleetTags.retain] : [])
  }

  /// Returns the patch of the manifest's own tags: sets those that differ, and removes those that it set before and no
  /// longer names. Other tags stay.
  func settingsPatch(on live: [String: String]) -> TagPatch {
    let managed = managedTags
    let marks = OwnedKeys.tags(for: managed.keys)
    // Nearly every endpoint already carries the right marks: then nothing was dropped, and only the values matter.
    if OwnedKeys.areMarks(marks, on: live) {
      return TagPatch(add: managed.filter { live[$0.key] != $0.value })
    }
    let owned = OwnedKeys(tags: live)
    if managed.isEmpty, owned.isEmpty { return TagPatch() }
    let wanted = managed.merging(marks) { $1 }
    let stale = live.keys.filter { key in
      if OwnedKeys.isMark(key) { return marks[key] == nil }
      return !FleetTags.isOwn(key) && managed[key] == nil && owned.contains(key)
    }
    return TagPatch(add: wanted.filter { live[$0.key] != $0.value }, remove: Set(stale))
  }
}
