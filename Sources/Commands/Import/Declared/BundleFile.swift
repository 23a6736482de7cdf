internal import CanonicalJSON
internal import Endpoints
internal import LibYAML
internal import ServingAPI

/// The endpoints of a Databricks bundle: `resources.model_serving_endpoints` of its files, for one target.
struct BundleFile {
  private(set) var endpoints: [DeclaredEndpoint] = []
  /// Endpoints for which no manifest is written.
  private(set) var skipped: [ImportOutcome] = []
  private(set) var findings: [Finding] = []
  /// Omitted parts of the file other than members of endpoints.
  private(set) var omissions: [Finding] = []
  /// The target that the bundle chose as its default; nil: the user named one, or there is no choice.
  private(set) var chosenTarget: String?

  private var root: SourcedValue
  private let target: BundleTarget?
  private let variables: BundleVariables

  /// - Parameters:
  ///   - files: files of one bundle, or its folder; they are merged with the files that they include.
  ///   - asked: the name of a target; nil: the bundle's default.
  ///   - flags: the values of `--var`.
  /// - Throws: an ``ErrorReport`` for a file that does not belong to a bundle, for an unknown target or variable, or if
  ///   there are no endpoints.
  init(files: [String], target asked: String?, variables flags: [String], environment: [String: String]) throws {
    let sources = try BundleSources(files)
    let target = try BundleTarget.choose(asked, of: sources.root)
    var joins: [JoinedList] = []
    root = target?.applied(to: sources.root, joins: &joins) ?? sources.root
    self.target = target
    variables = try BundleVariables(
      sources.root["variables"], target: target?.value?["variables"], flags: flags, environment: environment,
      overrides: try Self.overrides(target, sources))
    (findings, omissions) = (sources.findings, sources.omissions)
    addPrefix()
    guard let blocks = root["resources"]?["model_serving_endpoints"]?.members, !blocks.isEmpty else {
      throw ErrorReport(
        "no model_serving_endpoints in \(sources.files.joined(separator: ", "))",
        place: "\(sources.root.location)", next: BundleSources.next)
    }
    for (key, block) in blocks.sorted(by: { $0.key < $1.key }) {
      let path = "resources.model_serving_endpoints.\(key)"
      if let places = sources.repeated[path] {
        let words = places.map(\.description).joined(separator: " and at ")
        skipped.append(.skipped(name: key, why: "several files declare it: \(words); a bundle does not allow that"))
      } else {
        endpoints.append(endpoint(key, path, block, joins))
      }
    }
    addTarget()
  }

  /// The path `.databricks/bundle/TARGET/variable-overrides.json` next to the root file.
  private static func overrides(_ target: BundleTarget?, _ sources: BundleSources) throws -> SourcedValue? {
    guard let target, sources.files.first != "-" else { return nil }
    let path = BundleSources.join(sources.folder, ".databricks/bundle/\(target.name)/variable-overrides.json")
    return try SourcedValue.json(fileIfThere: path)
  }

  private mutating func addTarget() {
    guard let target else {
      omissions += [BundleTarget.leftAside(of: root)].compactMap(\.self)
      return
    }
    if target.isBundlesChoice, target.value != nil { chosenTarget = target.name }
  }

  /// Adds the target's prefix to the names if it is known; otherwise adds a finding.
  private mutating func addPrefix() {
    guard let prefix = target.flatMap({ BundlePrefix($0, root: root) }) else { return }
    var open: [References.Open] = []
    let references = References(dialect: .bundle, value: { [self] in value(of: $0) })
    guard let given = prefix.given, let text = references.resolve(given, open: &open)?.plainText, open.isEmpty else {
      return findings.append(prefix.unknown)
    }
    root = BundlePrefix.applied(text, to: root)
  }

  // MARK: Endpoints

  private func endpoint(
    _ key: String, _ path: String, _ block: SourcedValue, _ joins: [JoinedList]
  ) -> DeclaredEndpoint {
    let references = References(dialect: .bundle, value: { [self] in value(of: $0) })
    var open: [References.Open] = []
    let body = (references.resolve(block, open: &open) ?? block).converted(to: WireCreateRequest.self, flags: .bundle)
    var endpoint = DeclaredEndpoint(
      label: key, path: path, body: body, isRetained: body["lifecycle"]?["prevent_destroy"]?.scalar == .bool(true))
    endpoint.grants = (body["permissions"]?.items ?? []).map { Self.grant($0) }
    if let shared = root["permissions"].flatMap({ references.resolve($0, path: "permissions", open: &open) }) {
      endpoint.grants += (shared.items ?? []).map { Self.grant($0, ofBundle: true) }
    }
    endpoint.open = open
    endpoint.settled = ["permissions", "lifecycle"]
    endpoint.joined = joins.filter { $0.path.hasPrefix(path + ".") && ($0.changesConfig || $0.repeatsKeys(in: body)) }
    return endpoint
  }

  /// Converts a grant to the API's terms. `CAN_RUN` on a bundle's resources is `CAN_QUERY` on an endpoint.
  private static func grant(_ value: SourcedValue, ofBundle: Bool = false) -> SourcedValue {
    guard var members = value.members, let level = members.removeValue(forKey: "level") else { return value }
    let isRun = ofBundle && level.text == "CAN_RUN"
    members["permission_level"] = isRun ? SourcedValue("CAN_QUERY", at: level.location) : level
    return SourcedValue(.object(members), at: value.location)
      .converted(to: WireAccessEntry.self, flags: .bundle)
  }

  // MARK: References

  /// Resolves `var.NAME` and parts of it; other values of the bundle, such as `bundle.name`, `workspace.host` and
  /// `resources.schemas.ml.name`; and names composed of literals.
  private func value(of path: String) -> SourcedValue? {
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2, let head = parts.first else { return nil }
    let rest = parts[1]
    switch head {
    case "var": return variable(rest)
    case "variables":
      return [".value", ".default"].lazy.compactMap {
        rest.hasSuffix($0) ? variable(String(rest.dropLast($0.count))) : nil
      }
      .first
    case "bundle" where ["target", "environment"].contains(rest):
      return target.map { SourcedValue($0.name, at: $0.value?.location ?? root.location) }
    case "bundle", "workspace": return root.value(at: path)
    case "resources": return root.value(at: path) ?? identity(rest)
    default: return nil
    }
  }

  private func variable(_ path: String) -> SourcedValue? {
    let name = path.prefix { $0 != "." && $0 != "[" }
    return variables[String(name)]?.value(at: path.dropFirst(name.count))
  }

  /// The full name of a schema or a registered model, which is also its ID.
  private func identity(_ path: String) -> SourcedValue? {
    let parts = path.split(separator: ".").map(String.init)
    guard parts.count == 3, ["id", "full_name"].contains(parts[2]),
      let resource = root["resources"]?[parts[0]]?[parts[1]]
    else { return nil }
    let members: [String]
    switch parts[0] {
    case "schemas": members = ["catalog_name", "name"]
    case "registered_models": members = ["catalog_name", "schema_name", "name"]
    default: return nil
    }
    let texts = members.compactMap { resource[$0]?.text }
    guard texts.count == members.count else { return nil }
    return SourcedValue(texts.joined(separator: "."), at: resource.location)
  }
}

extension JoinedList {
  /// Whether a joined list of settings contains a key twice.
  fileprivate func repeatsKeys(in body: SourcedValue) -> Bool {
    let items = ["tags", "ai_gateway.rate_limits"].filter { path.hasSuffix(".\($0)") }.flatMap {
      body.value(at: $0)?.items ?? []
    }
    let keys = items.compactMap { item in item["key"]?.text.map { [$0, item["principal"]?.text ?? ""] } }
    return Set(keys).count < keys.count
  }
}
