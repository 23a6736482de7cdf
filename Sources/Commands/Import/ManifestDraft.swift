internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import ServingAPI

/// The content of a manifest for an existing endpoint or one that another tool declares, with the omitted parts and the
/// reasons.
struct ManifestDraft: Sendable {
  /// Empty if the source leaves it open.
  var name: String
  /// Models and versions may be empty if the source leaves them open.
  var config: EndpointConfig
  var settings: SideSettings
  var isRetained = false
  /// Parts of the source that are not in the manifest.
  private(set) var omissions: [Omission] = []
  /// Other comments above the document.
  var remarks: [String] = []
  /// Comments above the telemetry.
  var telemetryRemarks: [String] = []
  /// Comments above a served entity, by the entity's name.
  var entityRemarks: [String: [String]] = [:]

  private let origin: Origin

  /// The source of an endpoint, which decides what happens to parts that a manifest cannot express.
  enum Origin: Sendable {
    /// The endpoint is live and keeps them.
    case live
    /// Another tool declares it; `apply` creates it from the manifest alone.
    case declaration
  }

  /// - Parameters:
  ///   - endpoint: in the API's form.
  ///   - isOpen: whether members may be missing because the source leaves them open.
  /// - Throws: ``UnsupportedEndpoint`` for an endpoint that a manifest cannot describe.
  init(_ endpoint: WireEndpoint, from origin: Origin, isOpen: Bool = false) throws(UnsupportedEndpoint) {
    self.origin = origin
    let wire = endpoint.config?.entities.isEmpty == false ? endpoint.config : endpoint.pendingConfig
    guard let wire, !wire.entities.isEmpty else {
      throw UnsupportedEndpoint("it has no config to describe")
    }
    for entity in wire.entities { try Self.refuse(entity, isOpen: isOpen) }
    let observed = endpoint.observed(as: "")
    name = observed.name
    config = wire.endpointConfig
    isRetained = observed.isRetained
    settings = SideSettings(
      tags: observed.tags.filter { !FleetTags.isOwn($0.key) },
      notifications: observed.settings?.notifications,
      creation: CreationSettings(
        description: observed.settings?.description,
        routeOptimized: observed.settings?.routeOptimized == true ? true : nil))
    add(observed.settings?.gateway)
    for member in wire.unrepresentedMembers { addUnrepresented(member, wire) }
    if PlaneText.isInexpressible(config) {
      config = EndpointConfig(entities: config.entities.map { $0.sharingPlane(of: nil) })
      omit(
        "plane", "\(PlaneArguments.variable) is not valid or differs between the entities",
        live: "applying the manifest removes it")
    }
    let entities = config.entities.map { $0.withoutInvalidAdapters ?? $0 }
    if entities != config.entities {
      config = EndpointConfig(entities: entities)
      omit(
        "engine.adapters", "\(EngineAdapters.variable) is not valid", live: "applying the manifest removes it")
    }
  }

  /// The variables whose values are omitted because they may be secrets.
  var hiddenVariables: [String] {
    let variables = config.entities.flatMap(\.environment).filter {
      PublicValue.looksLikeCredential(variable: $0.key, value: $0.value)
    }
    return Set(variables.map(\.key)).sorted()
  }

  private static func refuse(_ entity: WireServedEntity, isOpen: Bool) throws(UnsupportedEndpoint) {
    let members = entity.members
    func has(_ keys: [String]) -> Bool { keys.contains { members[$0].map { !$0.isNull && $0 != .int(0) } ?? false } }
    if has(["external_model"]) { throw UnsupportedEndpoint("it serves an external model (\(entity.resolvedName))") }
    if has(["min_provisioned_throughput", "max_provisioned_throughput", "provisioned_model_units"]) {
      throw UnsupportedEndpoint("it is sized by provisioned throughput (\(entity.resolvedName))")
    }
    guard !isOpen, (entity.entityVersion ?? "").isEmpty else { return }
    let name = [entity.entityName, entity.name].compactMap(\.self).first { !$0.isEmpty } ?? "a served entity"
    throw UnsupportedEndpoint("\(name) has no version; it is a feature spec or a foundation model")
  }

  /// Adds the parts of the gateway that are set, which are managed from now on; the rest is reported as omitted.
  private mutating func add(_ gateway: GatewaySettings?) {
    guard let gateway else { return }
    let table = gateway.inferenceTable.flatMap { $0.catalog.isEmpty || $0.schema.isEmpty ? nil : $0 }
    let written = GatewaySettings(
      rateLimits: gateway.rateLimits, usageTracking: gateway.usageTracking == true ? true : nil, inferenceTable: table)
    settings.gateway = written.isEmpty ? nil : written
    for key in gateway.other.keys.sorted() {
      omit("ai_gateway.\(key)", "a manifest has no field for it", live: "the live setting is kept")
    }
    if let table = gateway.inferenceTable, table.enabled, written.inferenceTable == nil {
      omit(
        "ai_gateway.inference_table_config", "it does not name a catalog and schema",
        live: "the live setting is kept")
    }
  }

  private mutating func addUnrepresented(_ member: String, _ wire: WireConfig) {
    for entity in wire.entities {
      let prefix = "served_entities[\(entity.resolvedName)]."
      guard member.hasPrefix(prefix) else { continue }
      let item = Omission(String(member.dropFirst(prefix.count)), Self.noField, consequence(live: Self.notAdopted))
      entityRemarks[entity.resolvedName, default: []].append(item.comment)
      omissions.append(
        Omission("\(item.what) of \(entity.resolvedName)", item.why, item.consequence, isCommented: true))
      return
    }
    omit("config.\(member)", Self.noField, live: Self.notAdopted)
  }

  private static let noField = "a manifest has no field for it"
  private static let notAdopted = "an endpoint with it cannot be adopted"

  /// The consequence of an omission.
  private func consequence(live: String) -> String {
    origin == .live ? live : "the endpoint is created without it"
  }

  /// Records something in the source that is not in the manifest.
  ///
  /// - Parameters:
  ///   - what: its path, in the source's terms.
  ///   - why: a clause.
  ///   - live: the consequence for a live endpoint.
  mutating func omit(_ what: String, _ why: String, live: String = "it is kept") {
    omissions.append(Omission(what, why, consequence(live: live)))
  }
}

extension ManifestDraft {
  /// Omits a setting that a manifest does not accept; it is then not managed and does not change.
  ///
  /// - Parameter path: the path in the spec, such as `notifications` or `tags.team`.
  /// - Returns: whether the setting exists.
  mutating func omit(setting path: Substring, because words: String) -> Bool {
    let (field, key) = (path.prefix { $0.isLetter }, path.drop { $0 != "." }.dropFirst())
    switch field {
    case "tags":
      // Of the tags, only the invalid one is removed.
      let kept = settings.tags.filter { $0.key != key && "\"\($0.key)\"" != key }
      settings = SideSettings(copying: settings, tags: kept.count < settings.tags.count ? kept : [:])
    case "gateway": settings.gateway = nil
    case "access": settings.access = nil
    case "notifications": settings.notifications = nil
    case "telemetry": settings.telemetry = nil
    case "description": settings.creation.description = nil
    case "budgetPolicy": settings.creation.budgetPolicy = nil
    default: return false
    }
    omit(String(field == "tags" ? path : field), "manifests do not accept it: \(words)")
    return true
  }
}

extension SideSettings {
  fileprivate init(copying other: SideSettings, tags: [String: String]) {
    self.init(
      tags: tags, gateway: other.gateway, notifications: other.notifications, telemetry: other.telemetry,
      access: other.access, creation: other.creation)
  }
}

/// A part of the source that is not in the manifest.
struct Omission: Hashable, Sendable {
  let what: String
  let why: String
  /// The consequence.
  let consequence: String
  /// Whether a comment in its place already reports it.
  let isCommented: Bool

  init(_ what: String, _ why: String, _ consequence: String, isCommented: Bool = false) {
    self.what = what
    self.why = why
    self.consequence = consequence
    self.isCommented = isCommented
  }

  /// The line above the manifest.
  var comment: String { "omitted: \(what): \(why); \(consequence)" }
}

/// The reason why a manifest cannot describe an endpoint.
struct UnsupportedEndpoint: Error {
  /// One clause, to follow the endpoint's name and a colon.
  let why: String

  init(_ why: String) { self.why = why }
}
