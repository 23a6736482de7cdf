package import Endpoints

/// One idempotent provider call.
package enum Operation: Hashable, Sendable {
  /// The call carries every tag of the new endpoint, so that it is never without an owner.
  case create(name: String, config: EndpointConfig, tags: [String: String], settings: CreateCallSettings)
  case updateConfig(name: String, config: EndpointConfig)
  case patchTags(name: String, TagPatch)
  case delete(name: String)
  /// A side setting, changed in place.
  case changeSetting(name: String, SettingChange)

  package var name: String {
    switch self {
    case .create(let name, _, _, _), .updateConfig(let name, _), .patchTags(let name, _), .delete(let name),
      .changeSetting(let name, _):
      name
    }
  }

  package var kind: Kind {
    switch self {
    case .create, .updateConfig: .config
    case .patchTags: .tags
    case .delete: .delete
    case .changeSetting(_, let change): change.kind
    }
  }

  /// The call as written in the serving API.
  package var call: String {
    switch self {
    case .create(let name, _, _, _): Self.configCall(on: name, isNew: true)
    case .updateConfig(let name, _): Self.configCall(on: name, isNew: false)
    case .patchTags(let name, _): "PATCH /api/2.0/serving-endpoints/\(name)/tags"
    case .delete(let name): "DELETE /api/2.0/serving-endpoints/\(name)"
    case .changeSetting(let name, let change): change.call(on: name)
    }
  }

  /// Returns the call that rolls out a config, as written in the serving API.
  ///
  /// - Parameter isNew: whether it also creates the endpoint.
  static func configCall(on name: String, isNew: Bool) -> String {
    isNew ? "POST /api/2.0/serving-endpoints" : "PUT /api/2.0/serving-endpoints/\(name)/config"
  }

  /// Operations that share one back-off.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Operations that roll out a config: create and update.
    case config
    case tags
    case delete
    case gateway
    case notifications
    case telemetry
    case access
  }
}

/// Tags to set and tags to remove, in one call.
package struct TagPatch: Hashable, Sendable {
  package var add: [String: String]
  package var remove: Set<String>

  package init(add: [String: String] = [:], remove: Set<String> = []) {
    self.add = add
    self.remove = remove
  }

  package var isEmpty: Bool { add.isEmpty && remove.isEmpty }

  /// Returns the tags after the patch.
  package func applied(to tags: [String: String]) -> [String: String] {
    tags.filter { !remove.contains($0.key) }.merging(add) { $1 }
  }

  /// Returns both patches combined; if they conflict, `other` wins.
  package func merging(_ other: TagPatch) -> TagPatch {
    TagPatch(
      add: add.filter { !other.remove.contains($0.key) }.merging(other.add) { $1 },
      remove: remove.filter { other.add[$0] == nil }.union(other.remove))
  }
}
