internal import CanonicalJSON
internal import Endpoints
internal import LibYAML
internal import ServingAPI

/// Parts of a declaration that a manifest cannot express, or that have no meaning, each with its location.
struct DeclaredOmissions {
  struct Item {
    /// The path in the endpoint's block.
    let path: String
    /// The reason, as a clause.
    let why: String
    let location: SourceLocation
    /// Whether ``ManifestDraft`` reports it itself, since a live endpoint can have it too.
    let isOfDraft: Bool
  }

  private(set) var items: [Item] = []
  private let endpoint: DeclaredEndpoint

  init(of endpoint: DeclaredEndpoint, _ request: WireCreateRequest) {
    self.endpoint = endpoint
    addMembers(request)
    if let config = request.config { addConfig(config) }
    addGateway(request)
    addTags(request)
    for (index, grant) in endpoint.grants.enumerated() { add(grant, index) }
    items.sort { ($0.location, $0.path) < ($1.location, $1.path) }
  }

  private mutating func add(_ path: String, _ why: String, at location: SourceLocation? = nil, isOfDraft: Bool = false)
  {
    let place = location ?? endpoint.body.location(of: path)
    items.append(Item(path: path, why: why, location: place, isOfDraft: isOfDraft))
  }

  private static let noField = "a manifest has no field for it"

  // MARK: Members

  /// Members of a create request that a manifest has fields for.
  private static let written: Set = [
    "name", "config", "tags", "ai_gateway", "email_notifications", "description", "route_optimized",
    "budget_policy_id", "telemetry_config",
  ]

  private mutating func addMembers(_ request: WireCreateRequest) {
    let body = endpoint.body
    for (key, value) in body.members ?? [:]
    where !Self.written.contains(key) && !endpoint.settled.contains(key) && !value.saysNothing {
      add(key, key == "rate_limits" ? "the API no longer returns it; use gateway.rateLimits" : Self.noField)
    }
    for path in UnknownMembers.paths(in: body, as: WireCreateRequest.self) where path.contains(".") {
      // The gateway's members are kept with it and reported there.
      if !path.hasPrefix("ai_gateway.") || path.split(separator: ".").count > 2 { add(path, Self.noField) }
    }
    let annotations = "telemetry_config.table_names.annotations_table"
    if body.value(at: annotations)?.saysNothing == false { add(annotations, Self.noField) }
  }

  // MARK: Config

  private mutating func addConfig(_ config: WireConfig) {
    let key = (config.servedEntities ?? []).isEmpty ? "served_models" : "served_entities"
    if key == "served_entities", !(config.servedModels ?? []).isEmpty {
      add("config.served_models", "it conflicts with served_entities; the API accepts only one of them")
    }
    if config.unrepresentedMembers.contains("auto_capture_config") {
      add("config.auto_capture_config", Self.noField, isOfDraft: true)
    }
    for (index, entity) in config.entities.enumerated() {
      let path = "config.\(key)[\(index)]"
      for member in entity.unrepresentedMembers { add("\(path).\(member)", Self.noField, isOfDraft: true) }
      let variables = entity.members["environment_vars"]?.objectValue ?? [:]
      for (name, _) in variables.sorted(by: { $0.key < $1.key }).filter({ $0.value.isNull }) {
        add("\(path).environment_vars.\(name)", "it has no value")
      }
    }
    addRoutes(config)
  }

  private mutating func addRoutes(_ config: WireConfig) {
    let names = Set(config.entities.map(\.resolvedName))
    for (index, route) in (config.trafficConfig?.routes ?? []).enumerated() {
      let path = "config.traffic_config.routes[\(index)]"
      guard let name = route.servedEntityName, !name.isEmpty else {
        add(path, "it does not name a served entity")
        continue
      }
      if !names.contains(name) { add(path, "no served entity is named \"\(name)\"") }
    }
  }

  // MARK: Settings beside the config

  private mutating func addGateway(_ request: WireCreateRequest) {
    guard let gateway = request.gateway?.settings else { return }
    for key in gateway.other.keys.sorted() { add("ai_gateway.\(key)", Self.noField, isOfDraft: true) }
    if let table = gateway.inferenceTable, table.enabled, table.catalog.isEmpty || table.schema.isEmpty {
      add("ai_gateway.inference_table_config", "it does not name a catalog and schema", isOfDraft: true)
    }
  }

  private mutating func addTags(_ request: WireCreateRequest) {
    var seen: Set<String> = []
    for (index, tag) in (request.tags ?? []).enumerated() {
      guard let key = tag.members["key"]?.stringValue, !key.isEmpty else {
        add("tags[\(index)]", "it has no key")
        continue
      }
      if !seen.insert(key).inserted { add("tags[\(index)]", "the tag \(key) is already set") }
    }
  }

  private mutating func add(_ grant: SourcedValue, _ index: Int) {
    let level = grant["permission_level"]?.plainText ?? ""
    let grants = WirePermissions(entries: [WireAccessEntry(grant.json)].compactMap(\.self)).grants
    guard let principal = grants.first?.principal else {
      return add(
        "permissions[\(index)]",
        level.isEmpty
          ? "it has no permission level"
          : "it names no user, group or service principal",
        at: grant.location)
    }
    if case .unknown = grants[0].level {
      add(
        "permissions[\(index)]",
        "\(principal.description) has \(level); a manifest supports CAN_VIEW, CAN_QUERY and CAN_MANAGE",
        at: grant.location)
    }
  }
}
