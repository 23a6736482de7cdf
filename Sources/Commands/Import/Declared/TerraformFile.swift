internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// Endpoints in Terraform's JSON: a configuration (`*.tf.json`), or what `terraform show -json` says of a state or a plan.
struct TerraformFile {
  private(set) var endpoints: [DeclaredEndpoint] = []
  private(set) var findings: [Finding] = []

  private static let resource = "databricks_model_serving"
  private static let next =
    "give a configuration in JSON (*.tf.json), or what \"terraform show -json\" prints for a state or a plan"

  /// Resources of one kind: the address, the block, and what of it is marked as sensitive.
  private struct Resource {
    let type: String
    let label: String
    let path: String
    let body: SourcedValue
    let sensitive: SourcedValue?
    let isConfiguration: Bool
  }

  /// - Throws: an ``ErrorReport`` for a file that is none of these, or in which there is no endpoint.
  init(files: [String]) throws {
    let resources = try files.flatMap { file in
      try Self.resources(in: try SourcedValue.json(file: file, next: Self.next), file)
    }
    let servings = resources.filter { $0.type == Self.resource }
    guard !servings.isEmpty else {
      throw ErrorReport("there is no \(Self.resource) in \(files.joined(separator: ", "))", next: Self.next)
    }
    for serving in servings { endpoints.append(endpoint(serving)) }
    for permissions in resources where permissions.type == "databricks_permissions" { add(permissions, servings) }
  }

  // MARK: Finding resources

  private static func resources(in root: SourcedValue, _ file: String) throws -> [Resource] {
    if root["resource"] != nil { return declared(in: root) }
    for form in ["values", "planned_values"] {
      if let module = root[form]?["root_module"] { return shown(in: module, root) }
    }
    let isState = root["terraform_version"] != nil && root["resources"] != nil
    throw ErrorReport(
      isState ? "\(file) is Terraform's own state file" : "\(file) holds no resources of Terraform",
      place: "\(root.location)", next: next)
  }

  /// `resource.TYPE.NAME`, where each of the three may be a list.
  private static func declared(in root: SourcedValue) -> [Resource] {
    (root["resource"]?.asList ?? []).flatMap { types in
      labelled(types).flatMap { type, names in
        labelled(names).map { name, body in
          Resource(
            type: type, label: name, path: "resource.\(type).\(name)", body: body, sensitive: nil, isConfiguration: true
          )
        }
      }
    }
  }

  private static func labelled(_ value: SourcedValue) -> [(String, SourcedValue)] {
    (value.members ?? [:]).filter { $0.key != "//" }.sorted { $0.key < $1.key }.flatMap { label, value in
      value.asList.map { (label, $0) }
    }
  }

  /// The resources of a module and of those below it, with what a plan does not know yet as a reference.
  private static func shown(in module: SourcedValue, _ root: SourcedValue) -> [Resource] {
    let own = (module["resources"]?.items ?? []).compactMap { resource -> Resource? in
      guard resource["mode"]?.text != "data", let type = resource["type"]?.text, let values = resource["values"],
        let label = resource["name"]?.text
      else { return nil }
      let address = resource["address"]?.text ?? "\(type).\(label)"
      return Resource(
        type: type, label: label, path: address, body: withUnknown(values, address, root),
        sensitive: resource["sensitive_values"], isConfiguration: false)
    }
    return own + (module["child_modules"]?.items ?? []).flatMap { shown(in: $0, root) }
  }

  /// A plan names the values that only an apply brings in `after_unknown`.
  private static func withUnknown(_ values: SourcedValue, _ address: String, _ root: SourcedValue) -> SourcedValue {
    let change = root["resource_changes"]?.items?.first { $0["address"]?.text == address }
    guard let unknown = change?["change"]?["after_unknown"] else { return values }
    return fill(values, unknown, keys: ["name", "entity_name", "entity_version", "model_name", "model_version"])
  }

  private static func fill(_ value: SourcedValue, _ unknown: SourcedValue, keys: Set<String>) -> SourcedValue {
    switch (value.content, unknown.content) {
    case (.object(var members), .object(let marks)):
      for (key, mark) in marks {
        if mark.scalar == .bool(true), keys.contains(key) {
          members[key] = SourcedValue(.scalar(.string("${known after apply}")), at: value.location)
        } else if let member = members[key] {
          members[key] = fill(member, mark, keys: keys)
        }
      }
      return SourcedValue(.object(members), at: value.location)
    case (.list(let items), .list(let marks)):
      // The name of a served entity is the server's to choose where nobody gives one.
      let inner = keys.subtracting(["name"])
      let filled = items.enumerated().map { marks.indices.contains($0) ? fill($1, marks[$0], keys: inner) : $1 }
      return SourcedValue(.list(filled), at: value.location)
    default: return value
    }
  }

  // MARK: Endpoints

  private mutating func endpoint(_ resource: Resource) -> DeclaredEndpoint {
    var open: [References.Open] = []
    var body = resource.body
    if let sensitive = resource.sensitive { body = Self.mask(body, sensitive, "", &open) ?? body }
    // The state of a configuration holds values, in which nothing is a reference any more.
    let dialect = References(dialect: .terraform, value: { _ in nil })
    let isResolvable = resource.isConfiguration || resource.body.holdsUnknown
    if isResolvable { body = dialect.resolve(body, open: &open) ?? body }
    for key in ["count", "for_each"] where resource.isConfiguration && resource.body[key] != nil {
      findings.append(
        Finding(
          .warning, at: resource.body.location(of: key), path: "\(resource.path).\(key)",
          "makes several endpoints of one block, or none",
          suggestion: "import what \"terraform show -json\" prints, in which each stands by itself"))
    }
    let lifecycle = (body["lifecycle"]?.asList ?? []).first
    var endpoint = DeclaredEndpoint(
      label: resource.label, path: resource.path, body: Self.inWordsOfTheAPI(body),
      isRetained: lifecycle?["prevent_destroy"]?.scalar == .bool(true), open: open)
    endpoint.settled = Self.settled
    if endpoint.body["rate_limits"] != nil {
      endpoint.settled.insert("rate_limits")
      endpoint.remarks.append("left out: rate_limits, which the API no longer answers: write gateway.rateLimits")
    }
    return endpoint
  }

  /// Terraform's own words, and what only it is told.
  private static let settled: Set = [
    "lifecycle", "provider", "depends_on", "count", "for_each", "timeouts", "connection", "provisioner", "//", "id",
    "serving_endpoint_id", "endpoint_url", "effective_budget_policy_id", "provider_config",
  ]

  /// Without what is marked as sensitive.
  private static func mask(
    _ value: SourcedValue, _ sensitive: SourcedValue, _ path: String, _ open: inout [References.Open]
  ) -> SourcedValue? {
    switch (value.content, sensitive.content) {
    case (_, .scalar(.bool(true))):
      if !value.isBlank { open.append(References.Open(path: path, on: "sensitive", location: value.location)) }
      return nil
    case (.object(let members), .object(let marks)):
      var kept = members
      for (key, mark) in marks.sorted(by: { $0.key < $1.key }) {
        kept[key] = members[key].flatMap { mask($0, mark, path.isEmpty ? key : "\(path).\(key)", &open) }
      }
      return SourcedValue(.object(kept), at: value.location)
    case (.list(let items), .list(let marks)):
      let kept = items.enumerated().compactMap { index, item in
        marks.indices.contains(index) ? mask(item, marks[index], "\(path)[\(index)]", &open) : item
      }
      return SourcedValue(.list(kept), at: value.location)
    default: return value
    }
  }

  // MARK: The API's words

  /// Blocks that there is one of, which Terraform's JSON may write as a list of one.
  private static let single: Set = [
    "config", "traffic_config", "auto_capture_config", "ai_gateway", "email_notifications", "telemetry_config",
    "external_model", "inference_table_config", "usage_tracking_config", "fallback_config", "guardrails",
    "table_names", "lifecycle", "input", "output", "pii",
  ]
  /// Blocks that there are several of, of which Terraform's JSON may write one without a list.
  private static let several: Set = [
    "served_entities", "served_models", "routes", "tags", "rate_limits", "access_control",
  ]
  /// Numbers that a state holds as 0 where nothing was set.
  private static let zeroIsUnset: Set = [
    "min_provisioned_throughput", "max_provisioned_throughput", "provisioned_model_units",
    "min_provisioned_concurrency", "max_provisioned_concurrency", "calls", "tokens",
  ]

  private static func inWordsOfTheAPI(_ value: SourcedValue) -> SourcedValue {
    guard let members = value.members else { return value }
    var result: [String: SourcedValue] = [:]
    for (key, member) in members where !member.isBlank && !(zeroIsUnset.contains(key) && member.scalar == .int(0)) {
      if key == "environment_vars" {
        result[key] = member
      } else if several.contains(key) {
        let items = member.asList.map { key == "served_models" ? servedModel($0) : inWordsOfTheAPI($0) }
        result[key] = SourcedValue(.list(items), at: member.location)
      } else if single.contains(key), member.asList.count == 1 {
        result[key] = inWordsOfTheAPI(member.asList[0])
      } else {
        result[key] = inWordsOfTheAPI(member)
      }
    }
    return SourcedValue(.object(result), at: value.location)
  }

  /// In the older block scaling to zero is Terraform's default (contract 5.2).
  private static func servedModel(_ value: SourcedValue) -> SourcedValue {
    let model = inWordsOfTheAPI(value)
    guard var members = model.members, members["scale_to_zero_enabled"] == nil else { return model }
    members["scale_to_zero_enabled"] = SourcedValue(.scalar(.bool(true)), at: model.location)
    return SourcedValue(.object(members), at: model.location)
  }

  // MARK: Permissions

  private mutating func add(_ permissions: Resource, _ servings: [Resource]) {
    guard let id = permissions.body["serving_endpoint_id"], !id.isBlank else { return }
    let index = servings.firstIndex { serving in
      permissions.isConfiguration
        ? Self.isReference(id.text ?? "", to: serving.label)
        : serving.body["serving_endpoint_id"]?.text == id.text && id.text != nil
    }
    guard let index else {
      findings.append(
        Finding(
          .warning, at: id.location, path: "\(permissions.path).serving_endpoint_id",
          "which endpoint it means is not known here, so its grants are left out"))
      return
    }
    var open: [References.Open] = []
    let entries = permissions.body["access_control"].map { SourcedValue(.list($0.asList), at: $0.location) }
    let resolved = entries.flatMap { References(dialect: .terraform, value: { _ in nil }).resolve($0, open: &open) }
    endpoints[index].grants += resolved?.items ?? []
    endpoints[index].open += open.map {
      References.Open(path: "access_control\($0.path)", on: $0.on, location: $0.location)
    }
  }

  /// `${databricks_model_serving.NAME.serving_endpoint_id}`.
  private static func isReference(_ text: String, to label: String) -> Bool {
    ["serving_endpoint_id", "id"].contains { text == "${\(resource).\(label).\($0)}" }
  }
}

extension SourcedValue {
  /// What Terraform holds for nothing.
  fileprivate var isBlank: Bool {
    switch content {
    case .scalar(let value): value.isNull || value == .string("")
    case .list(let items): items.isEmpty
    case .object(let members): members.isEmpty
    }
  }

  /// Whether a plan's unknown values were put into it.
  fileprivate var holdsUnknown: Bool {
    switch content {
    case .scalar(let value): value == .string("${known after apply}")
    case .list(let items): items.contains(where: \.holdsUnknown)
    case .object(let members): members.values.contains(where: \.holdsUnknown)
    }
  }
}
