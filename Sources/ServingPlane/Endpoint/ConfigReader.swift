import CanonicalJSON
import Endpoints
import ServingAPI

/// Converts a config from the wire into one that the plane can run, or into the protocol's refusal.
struct ConfigReader {
  /// Returns a version of a registered model, or throws the reason it is missing.
  let version: (_ model: String, _ number: Int) throws(ModelError) -> ModelVersion
  /// Refuses the secret references that the caller may not introduce.
  let secrets: SecretUse
  /// Finds what is wrong with the secret references of an environment; nil if nothing is.
  let secretFinding: ([String: String]) -> String?
  /// Finds why this machine can never run the entities; nil if it can.
  let machineFinding: ([PlaneEntity]) -> String?
  /// Finds why the memory of this machine's GPUs can never hold a replica; nil if it may.
  let memoryFinding: (LaunchConfig, ReplicaModel) -> String?
  /// The config that serves now, which evidently fits.
  let serving: PlaneConfig?
  /// The most replicas that a config may request.
  let maximumReplicas: Int
  /// Whether the caller is an administrator of the plane.
  let isAdministrator: Bool

  static let sizes = ["Small", "Medium", "Large"]
  static let workloadTypes = [
    "CPU", "CPU_MEDIUM", "CPU_LARGE", "GPU_SMALL", "GPU_MEDIUM", "MULTIGPU_MEDIUM", "GPU_MEDIUM_8", "GPU_LARGE",
    "GPU_LARGE_2", "GPU_LARGE_4", "GPU_LARGE_8", "GPU_LARGE_RTX", "GPU_XLARGE", "GPU_XLARGE_8",
  ]
  /// Observed on live workspaces; the documentation says 10 (serving-api.md Q10).
  static let maximumEntities = 15

  /// - Parameters:
  ///   - configVersion: the version to assign.
  ///   - now: milliseconds since 1970.
  func read(_ wire: WireConfig, configVersion: Int64, now: Int64) throws(APIError) -> PlaneConfig {
    let findings = wire.typeFindings(path: "config")
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    if wire.members["auto_capture_config"].map({ !$0.isNull }) == true {
      throw .invalid("auto_capture_config is not supported by this serving plane; remove it")
    }
    if let entities = wire.servedEntities, let models = wire.servedModels, !entities.isEmpty, !models.isEmpty {
      throw .invalid("use served_entities or served_models, not both")
    }
    let sent = wire.entities
    guard !sent.isEmpty else { throw .invalid("served_entities must have at least one element") }
    guard sent.count <= Self.maximumEntities else {
      throw .invalid("served_entities cannot contain more than \(Self.maximumEntities) elements")
    }
    let shares = try shares(wire.trafficConfig, names: sent.map(\.resolvedName))
    var entities: [PlaneEntity] = []
    for entity in sent { entities.append(try read(entity, traffic: shares[entity.resolvedName] ?? 0, now: now)) }
    try refuseDuplicates(entities)
    try checkPlane(entities)
    let replicas = entities.reduce(0) { $0 + $1.mostReplicas }
    guard replicas <= maximumReplicas else {
      let bound = entities.contains(where: \.followsLoad) ? "up to " : ""
      throw .invalid(
        "the config requests \(bound)\(replicas) replicas; this serving plane runs at most \(maximumReplicas) per "
          + "endpoint (\"setpoint serve --max-replicas\")")
    }
    if let finding = machineFinding(entities) { throw .invalid(finding) }
    return PlaneConfig(version: configVersion, startTime: now, entities: entities.sorted { $0.name < $1.name })
  }

  private func read(_ wire: WireServedEntity, traffic: Int, now: Int64) throws(APIError) -> PlaneEntity {
    let name = wire.resolvedName
    func invalid(_ message: String) -> APIError { .invalid("served entity \"\(name)\": \(message)") }
    if let member = wire.unrepresentedMembers.first {
      throw invalid("\(member) is not supported by this serving plane; remove it")
    }
    guard let model = wire.entityName, !model.isEmpty else { throw invalid("entity_name is missing") }
    guard let text = wire.entityVersion, let number = Int(text), number > 0, String(number) == text else {
      throw invalid("entity_version must be a version number, such as \"3\"; it is \"\(wire.entityVersion ?? "")\"")
    }
    guard EndpointName.isEntityName(name) else {
      throw .invalid("served entity name \"\(name)\" must consist of 1 to 63 letters, digits, - and _")
    }
    let type = wire.workloadType.flatMap { $0.isEmpty ? nil : $0 } ?? "CPU"
    guard Self.workloadTypes.contains(type) else {
      throw invalid("workload_type \"\(type)\" is unknown; supported: \(Self.workloadTypes.joined(separator: ", "))")
    }
    let size = try size(wire, invalid)
    let environment = wire.environmentVars ?? [:]
    // Before anything tells whether a secret exists.
    if let denial = secrets.denial(of: environment, for: name) { throw denial }
    try check(environment, invalid)
    let version: ModelVersion
    do { version = try self.version(model, number) } catch { throw APIError(error) }
    let entity = PlaneEntity(
      name: name, entityName: model, entityVersion: number, task: version.task, workloadType: type,
      workloadSize: size.size,
      minConcurrency: size.min, maxConcurrency: size.max, scaleToZero: wire.scaleToZeroEnabled ?? false,
      environment: environment, traffic: traffic, created: now)
    let adapters: [LoadedAdapter]
    do throws(ModelError) {
      adapters = try AdapterRule(version: self.version).adapters(of: entity.launch, on: version)
    } catch {
      throw error.code == .invalid ? invalid(error.description) : APIError(error)
    }
    let isServing = serving?.entities.contains { $0.launch == entity.launch } ?? false
    let replica = ReplicaModel(version: version, adapters: adapters)
    if !isServing, let finding = memoryFinding(entity.launch, replica) { throw invalid(finding) }
    return entity
  }

  private func size(
    _ wire: WireServedEntity, _ invalid: (String) -> APIError
  ) throws(APIError) -> (size: String?, min: Int?, max: Int?) {
    let given = wire.workloadSize.flatMap { $0.isEmpty ? nil : $0 }
    guard wire.minProvisionedConcurrency != nil || wire.maxProvisionedConcurrency != nil else {
      let size = given ?? "Small"
      guard Self.sizes.contains(size) else {
        throw invalid("workload_size \"\(size)\" is unknown; supported: \(Self.sizes.joined(separator: ", "))")
      }
      return (size, nil, nil)
    }
    guard given == nil else { throw invalid("use workload_size or min and max_provisioned_concurrency, not both") }
    let low = wire.minProvisionedConcurrency ?? wire.maxProvisionedConcurrency ?? 4
    let high = wire.maxProvisionedConcurrency ?? low
    guard low >= 0, low <= high, (4...1024).contains(high), low.isMultiple(of: 4), high.isMultiple(of: 4) else {
      throw invalid("min and max_provisioned_concurrency must be multiples of 4 from 4 to 1024, with min not above max")
    }
    // Databricks' minimum with scale-to-zero.
    guard low > 0 || wire.scaleToZeroEnabled == true else {
      throw invalid("min_provisioned_concurrency is 0, which requires scale_to_zero_enabled; enable it, or use 4")
    }
    return (nil, Int(low), Int(high))
  }

  private func check(_ environment: [String: String], _ invalid: (String) -> APIError) throws(APIError) {
    if let name = environment.keys.sorted().first(where: { !EnvironmentName.isValid($0) }) {
      throw invalid("environment_vars: \"\(name)\" is not a valid variable name")
    }
    if let name = environment.keys.sorted().first(where: { environment[$0]?.contains("\0") == true }) {
      throw invalid("environment_vars: the value of \(name) contains a null character")
    }
    // What an administrator has set stays while others change the rest.
    let own = environment.filter { name, value in
      serving?.entities.contains { $0.environment[name] == value } != true
    }
    let finding =
      EnvironmentRule.finding(environment, isAdministrator: true)
      ?? EnvironmentRule.finding(own, isAdministrator: isAdministrator)
    if let finding { throw invalid("environment_vars: \(finding)") }
    if let finding = secretFinding(environment) { throw invalid("environment_vars: \(finding)") }
    do {
      let flags = try environment[EngineFlags.variable].map(EngineFlags.words) ?? []
      if let finding = EngineFlagRule.finding(flags) { throw EntrypointError(description: finding) }
    } catch {
      throw invalid("\(error)")
    }
    if let adapters = environment[EngineAdapters.variable] {
      do { _ = try EngineAdapters(parsing: adapters) } catch { throw invalid("environment_vars: \(error)") }
    }
    guard let settings = environment[PlaneArguments.variable] else { return }
    do { _ = try PlaneArguments(parsing: settings) } catch { throw invalid("environment_vars: \(error)") }
  }

  /// Checks the settings for a plane, which are the endpoint's and not an entity's. An entity without any has those of
  /// the others.
  private func checkPlane(_ entities: [PlaneEntity]) throws(APIError) {
    let carriers = entities.filter { $0.plane != nil }
    guard let first = carriers.first, let plane = first.plane else { return }
    if let other = carriers.first(where: { $0.plane != plane }) {
      throw .invalid(
        "served entities \"\(first.name)\" and \"\(other.name)\" have different values of "
          + "\(PlaneArguments.variable), which applies to the whole endpoint")
    }
    if plane.idleAfter != nil, !entities.contains(where: \.scaleToZero) {
      throw .invalid(
        "\(PlaneArguments.variable): idleAfter has no effect without scale_to_zero_enabled; enable it, or remove "
          + "idleAfter")
    }
  }

  /// The percentages by entity name. A single entity gets all traffic by default (serving-api.md E5).
  private func shares(_ traffic: WireTrafficConfig?, names: [String]) throws(APIError) -> [String: Int] {
    let routes = traffic?.routes ?? []
    guard !routes.isEmpty else {
      guard let name = names.first, names.count == 1 else {
        throw .invalid("traffic_config is required with more than one served entity")
      }
      return [name: 100]
    }
    var shares: [String: Int] = [:]
    for route in routes {
      guard let name = route.servedEntityName, names.contains(name) else {
        throw .invalid(
          "traffic_config: \"\(route.servedEntityName ?? "")\" is not one of the served entities "
            + "\(names.joined(separator: ", "))"
        )
      }
      guard let share = route.trafficPercentage, (0...100).contains(share) else {
        throw .invalid("traffic_config: traffic_percentage of \"\(name)\" must be a whole number from 0 to 100")
      }
      guard shares.updateValue(Int(share), forKey: name) == nil else {
        throw .invalid("traffic_config: \"\(name)\" has two routes")
      }
    }
    let total = shares.values.reduce(0, +)
    guard total == 100 else {
      throw .invalid(
        "traffic_config: the traffic percentages must add up to 100, not \(total)")
    }
    return shares
  }

  private func refuseDuplicates(_ entities: [PlaneEntity]) throws(APIError) {
    for (index, entity) in entities.enumerated() {
      for other in entities[..<index] {
        if entity.name == other.name { throw .invalid("two served entities are named \"\(entity.name)\"") }
        if entity.entityName == other.entityName && entity.entityVersion == other.entityVersion {
          throw .invalid(
            "Cannot create 2+ served entities with the same model and version: \(entity.entityName) version "
              + "\(entity.entityVersion)")
        }
      }
    }
  }
}

/// Names of endpoints and served entities.
enum EndpointName {
  /// The finding for an endpoint's name; nil if it is valid.
  static func finding(_ name: String) -> String? {
    guard isEntityName(name) else {
      return "endpoint name \"\(name)\" must consist of 1 to 63 letters, digits, - and _"
    }
    return name.hasPrefix("databricks-") ? "endpoint names that begin with \"databricks-\" are reserved" : nil
  }

  static func isEntityName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 63
      && name.utf8.allSatisfy { byte in
        byte == 45 || byte == 95 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      }
  }
}
