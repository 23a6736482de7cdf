internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import ServingAPI

/// What a manifest is to say of an endpoint that exists, or that another tool declares, and what it does not say and why.
struct ManifestDraft: Sendable {
  /// Empty where the source leaves it open.
  var name: String
  /// Models and versions may be empty where the source leaves them open.
  var config: EndpointConfig
  var settings: SideSettings
  var isRetained = false
  /// What stands as a comment above the document.
  var remarks: [String] = []
  /// What stands as a comment above the telemetry.
  var telemetryRemarks: [String] = []
  /// What stands as a comment above a served entity, by the entity's name.
  var entityRemarks: [String: [String]] = [:]

  /// - Parameters:
  ///   - endpoint: in the API's form, live or as another tool declares it.
  ///   - isOpen: whether members may be missing since the source leaves them open.
  /// - Throws: ``Unsayable`` for an endpoint that no manifest describes.
  init(_ endpoint: WireEndpoint, isOpen: Bool = false) throws(Unsayable) {
    let wire = endpoint.config?.entities.isEmpty == false ? endpoint.config : endpoint.pendingConfig
    guard let wire, !wire.entities.isEmpty else {
      throw Unsayable("it has no config; there is nothing to hold it at")
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
  }

  /// The variables whose values are left out of the text because they may be secrets.
  var hiddenVariables: [String] {
    let variables = config.entities.flatMap(\.environment).filter {
      CredentialNames.isCredential(variable: $0.key, value: $0.value)
    }
    return Set(variables.map(\.key)).sorted()
  }

  private static func refuse(_ entity: WireServedEntity, isOpen: Bool) throws(Unsayable) {
    let members = entity.members
    func has(_ keys: [String]) -> Bool { keys.contains { members[$0].map { !$0.isNull && $0 != .int(0) } ?? false } }
    if has(["external_model"]) { throw Unsayable("it serves an external model (\(entity.resolvedName))") }
    if has(["min_provisioned_throughput", "max_provisioned_throughput", "provisioned_model_units"]) {
      throw Unsayable("it is sized by provisioned throughput (\(entity.resolvedName))")
    }
    guard !isOpen, (entity.entityVersion ?? "").isEmpty else { return }
    throw Unsayable("\(entity.resolvedName) has no version, as a feature spec or a foundation model has none")
  }

  /// What is managed from now on are the parts that are there; what no manifest can say is named.
  private mutating func add(_ gateway: GatewaySettings?) {
    guard let gateway else { return }
    let table = gateway.inferenceTable.flatMap { $0.catalog.isEmpty || $0.schema.isEmpty ? nil : $0 }
    let written = GatewaySettings(
      rateLimits: gateway.rateLimits, usageTracking: gateway.usageTracking == true ? true : nil, inferenceTable: table)
    settings.gateway = written.isEmpty ? nil : written
    if !gateway.other.isEmpty {
      remarks.append(
        "left out: \(gateway.other.keys.sorted().joined(separator: ", ")) of the AI gateway, for which a manifest has no "
          + "field; what is there stays")
    }
  }

  private mutating func addUnrepresented(_ member: String, _ wire: WireConfig) {
    let reason = "for which a manifest has no field; an endpoint that has it is not adopted"
    for entity in wire.entities {
      let prefix = "served_entities[\(entity.resolvedName)]."
      guard member.hasPrefix(prefix) else { continue }
      entityRemarks[entity.resolvedName, default: []].append("left out: \(member.dropFirst(prefix.count)), \(reason)")
      return
    }
    remarks.append("left out: \(member), \(reason)")
  }
}

extension ManifestDraft {
  /// Leaves out a setting beside the config that a manifest does not take; it is then not managed, and stays as it is.
  ///
  /// - Parameter field: of the spec, such as `notifications`.
  /// - Returns: whether there is such a setting.
  mutating func leaveOut(_ field: String, because words: String) -> Bool {
    switch field {
    case "tags": settings = SideSettings(copying: settings, tags: [:])
    case "gateway": settings.gateway = nil
    case "access": settings.access = nil
    case "notifications": settings.notifications = nil
    case "telemetry": settings.telemetry = nil
    case "description": settings.creation.description = nil
    case "budgetPolicy": settings.creation.budgetPolicy = nil
    default: return false
    }
    remarks.append("left out: \(field), since a manifest does not take it: \(words)")
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

/// Why no manifest describes an endpoint.
struct Unsayable: Error {
  /// One clause, to follow the endpoint's name and a colon.
  let why: String

  init(_ why: String) { self.why = why }
}
