internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// Endpoints of a Databricks bundle: `resources.model_serving_endpoints` of its YAML files, for one target or for none.
struct BundleFile {
  private(set) var endpoints: [DeclaredEndpoint] = []
  private(set) var findings: [Finding] = []

  private let root: SourcedValue
  private let target: (name: String, value: SourcedValue)?

  private static let next = "give the file of a Databricks bundle in which resources.model_serving_endpoints stands"

  /// - Parameters:
  ///   - files: of one bundle; what they say is taken together.
  ///   - target: the bundle's target; nil leaves all targets' own words aside.
  /// - Throws: an ``ErrorReport`` for a file that is no bundle, a target that is not there, or where there is no endpoint.
  init(files: [String], target: String?) throws {
    let values = try files.map { try SourcedValue.yaml(file: $0, next: Self.next) }
    for value in values where value.members == nil {
      throw ErrorReport("\(value.location.file) is no bundle", place: "\(value.location)", next: Self.next)
    }
    let merged = values.dropFirst().reduce(values[0]) { Self.merge($0, $1) }
    self.target = try target.map { try ($0, Self.target($0, of: merged)) }
    root = self.target.map { Self.applied($0.value, to: merged) } ?? merged
    guard let blocks = root["resources"]?["model_serving_endpoints"]?.members, !blocks.isEmpty else {
      throw ErrorReport(
        "there are no model_serving_endpoints in \(files.joined(separator: ", "))", place: "\(values[0].location)",
        next: root["include"] == nil ? Self.next : "name the files that it includes as well, each with --from-bundle")
    }
    endpoints = blocks.sorted { $0.key < $1.key }.map(endpoint)
    report()
  }

  // MARK: Targets

  private static func target(_ name: String, of root: SourcedValue) throws -> SourcedValue {
    if let target = root["targets"]?[name] { return target }
    let known = (root["targets"]?.members ?? [:]).keys.sorted()
    throw ErrorReport(
      "the bundle has no target \(name)", place: "\((root["targets"] ?? root).location)",
      next: known.isEmpty ? "leave --target out" : "its targets are \(known.joined(separator: ", "))")
  }

  /// What a target says of resources, variables and permissions, over what the bundle says.
  private static func applied(_ target: SourcedValue, to root: SourcedValue) -> SourcedValue {
    let own = (target.members ?? [:]).filter { ["resources", "permissions"].contains($0.key) }
    return merge(root, SourcedValue(.object(own), at: target.location))
  }

  /// Objects key by key, lists one behind the other, as bundles are put together.
  private static func merge(_ one: SourcedValue, _ other: SourcedValue) -> SourcedValue {
    switch (one.content, other.content) {
    case (.object(let members), .object(let others)):
      return SourcedValue(.object(members.merging(others) { merge($0, $1) }), at: one.location)
    case (.list(let items), .list(let others)): return SourcedValue(.list(items + others), at: one.location)
    default: return other
    }
  }

  private mutating func report() {
    guard let target else {
      let targets = (root["targets"]?.members ?? [:]).filter {
        $0.value["resources"] != nil || $0.value["variables"] != nil
      }
      guard let first = targets.min(by: { $0.key < $1.key }) else { return }
      findings.append(
        Finding(
          .warning, at: first.value.location, path: "targets",
          "what the targets \(targets.keys.sorted().joined(separator: ", ")) say is left aside",
          suggestion: "name one with --target"))
      return
    }
    let prefix = target.value["presets"]?["name_prefix"]
    guard let place = prefix ?? target.value["mode"].flatMap({ $0.text == "development" ? $0 : nil }) else { return }
    findings.append(
      Finding(
        .warning, at: place.location, path: "targets.\(target.name)",
        "the target puts a prefix before the names of what it deploys, which is left aside",
        suggestion: "write the name that the endpoint is to have"))
  }

  // MARK: Endpoints

  private func endpoint(_ key: String, _ block: SourcedValue) -> DeclaredEndpoint {
    let references = References(dialect: .bundle, value: { [self] in value(of: $0) })
    var open: [References.Open] = []
    let body = references.resolve(block, open: &open) ?? block
    var endpoint = DeclaredEndpoint(
      label: key, path: "resources.model_serving_endpoints.\(key)", body: body,
      isRetained: body["lifecycle"]?["prevent_destroy"]?.scalar == .bool(true))
    endpoint.grants = (body["permissions"]?.items ?? []).map { Self.grant($0) }
    if let shared = root["permissions"].flatMap({ references.resolve($0, path: "permissions", open: &open) }) {
      endpoint.grants += (shared.items ?? []).map { Self.grant($0, ofBundle: true) }
    }
    endpoint.open = open
    endpoint.settled = ["permissions", "lifecycle"]
    if body["rate_limits"] != nil {
      endpoint.settled.insert("rate_limits")
      endpoint.remarks.append("left out: rate_limits, which the API no longer answers: write gateway.rateLimits")
    }
    return endpoint
  }

  /// A grant in the API's words. What may be done with a bundle's jobs is, with an endpoint, to ask it.
  private static func grant(_ value: SourcedValue, ofBundle: Bool = false) -> SourcedValue {
    guard var members = value.members, let level = members.removeValue(forKey: "level") else { return value }
    let isRun = ofBundle && level.text == "CAN_RUN"
    members["permission_level"] = isRun ? SourcedValue(.scalar(.string("CAN_QUERY")), at: level.location) : level
    return SourcedValue(.object(members), at: value.location)
  }

  // MARK: References

  /// `var.NAME`, and parts of it; `bundle.target`, `bundle.name` and `bundle.environment`, the target's older name.
  private func value(of path: String) -> SourcedValue? {
    let parts = path.split(separator: ".").map(String.init)
    switch parts.first {
    case "var" where parts.count > 1:
      return parts.dropFirst(2).reduce(variable(parts[1])) { $0?[$1] }
    case "variables" where parts.count == 3 && ["value", "default"].contains(parts[2]): return variable(parts[1])
    case "bundle" where parts.count == 2:
      if let target, ["target", "environment"].contains(parts[1]) {
        return SourcedValue(.scalar(.string(target.name)), at: target.value.location)
      }
      return parts[1] == "name" ? root["bundle"]?["name"] : nil
    default: return nil
    }
  }

  /// The target's own value, else the default. One that is looked up in a workspace is not known here.
  private func variable(_ name: String) -> SourcedValue? {
    let own = target?.value["variables"]?[name]
    if let own {
      guard own.members != nil else { return own }
      if let value = own["default"] { return value }
      if own["lookup"] == nil { return own }
      return nil
    }
    return root["variables"]?[name]?["default"]
  }
}
