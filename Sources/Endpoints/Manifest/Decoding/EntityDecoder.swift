import LibYAML

/// Reads the served entities of a spec, in flat form or as a list, and checks the rules between their fields.
struct EntityDecoder {
  private let spec: Record
  private(set) var entities: [ManifestEntity] = []
  private(set) var findings: [Finding] = []
  private(set) var engineLocation: SourceLocation?
  /// The fields of `plane`, and the lists of adapters.
  private(set) var planeFields: [WrittenField] = []
  private var sharedEngine = EngineArguments()
  private var plane = PlaneArguments()

  init(spec: Record) { self.spec = spec }

  mutating func decode() {
    sharedEngine = engine(of: spec, path: "spec")
    readPlane()
    guard !spec.isAbsent("servedEntities") else {
      if let entity = entity(spec, path: "spec", traffic: 100) { entities = [entity] }
      return
    }
    refuseFlatFields()
    guard let items = spec.list("servedEntities"), let location = spec.location(of: "servedEntities") else { return }
    if items.isEmpty {
      report(location, "spec.servedEntities", "is empty", "list at least one entity, or use the flat fields")
    }
    checkTraffic(items, at: location)
    for (index, item) in items.enumerated() {
      guard let record = item.record else { continue }
      let path = "spec.servedEntities[\(index)]"
      if let entity = entity(record, path: path, traffic: record.integer("traffic") ?? 100) {
        checkUnique(entity, record)
        entities.append(entity)
      }
    }
  }

  private mutating func report(
    _ location: SourceLocation, _ path: String, _ message: String, _ suggestion: String? = nil
  ) {
    let finding = Finding(.error, at: location, path: path, message, suggestion: suggestion)
    // A shared field can conflict with several entities; it is reported once.
    if !findings.contains(finding) { findings.append(finding) }
  }

  private mutating func refuseFlatFields() {
    for name in ManifestSchema.flatEntityFields {
      guard let location = spec.location(of: name) else { continue }
      report(
        location, "spec." + name, "conflicts with servedEntities", "set it in each entity")
    }
  }

  // MARK: One entity

  private mutating func entity(_ record: Record, path: String, traffic: Int) -> ManifestEntity? {
    let word = record.text("workloadType") ?? "CPU"
    let workload = Workload.apiWord(word)
    let scaleToZero = record.boolean("scaleToZero") ?? false
    let isFlat = path == "spec"
    let engine = isFlat ? sharedEngine : engine(of: record, path: path).over(sharedEngine)
    checkHardware(record, path, workload: workload, engine: engine)
    checkAdapters(record, path, engine: engine)
    let concurrency = concurrency(record, path, scaleToZero: scaleToZero)
    guard let model = record.text("model"), let version = record.version("entityVersion"),
      let versionLocation = record.location(of: "entityVersion")
    else { return nil }
    var environment = spec.texts("environment") ?? [:]
    if !isFlat, let own = record.texts("environment") { environment.merge(own) { $1 } }
    if let arguments = engine.text { environment[EngineArguments.variable] = arguments }
    if let adapters = EngineAdapters(engine.adapters ?? []).text { environment[EngineAdapters.variable] = adapters }
    if let settings = plane.text { environment[PlaneArguments.variable] = settings }
    return ManifestEntity(
      name: isFlat ? nil : record.text("name"), model: model, version: version, workloadType: workload,
      workloadWord: word, workloadLocation: record.location(of: "workloadType") ?? versionLocation,
      size: concurrency == nil ? record.text("size") ?? "Small" : nil, concurrency: concurrency,
      sizeLocation: record.location(of: "concurrency") ?? record.location(of: "size") ?? versionLocation,
      scaleToZero: scaleToZero, environment: environment, traffic: traffic, path: path,
      versionLocation: versionLocation)
  }

  private mutating func concurrency(
    _ record: Record, _ path: String, scaleToZero: Bool
  ) -> ProvisionedConcurrency? {
    guard let location = record.location(of: "concurrency") else { return nil }
    let path = path + ".concurrency"
    if !record.isAbsent("size") {
      report(location, path, "conflicts with size", "keep one of them")
    }
    guard let bounds = record.record("concurrency") else { return nil }
    guard let least = bounds.integer("min"), let most = bounds.integer("max") else { return nil }
    if least > most {
      report(location, path, "min is \(least) and max is \(most); min must not exceed max")
    }
    if least == 0, !scaleToZero, let location = bounds.location(of: "min") {
      report(location, path + ".min", "0 requires scaleToZero: true", "write scaleToZero: true, or min: 4")
    }
    return ProvisionedConcurrency(min: least, max: most)
  }

  private mutating func engine(of record: Record, path: String) -> EngineArguments {
    guard let engine = record.record("engine") else { return EngineArguments() }
    let path = path + ".engine"
    let adaptersLocation = engine.location(of: "adapters")
    if let adaptersLocation { planeFields.append(WrittenField(path: path + ".adapters", location: adaptersLocation)) }
    // Adapters alone are no flags: they have a finding of their own for a workspace.
    let hasFlags = engine.type.fields.contains { $0.name != "adapters" && !engine.isAbsent($0.name) }
    if hasFlags || adaptersLocation == nil { engineLocation = engineLocation ?? engine.location }
    var reader = AdapterDecoder()
    let adapters = reader.adapters(of: engine, path: path)
    findings += reader.findings
    return EngineArguments(
      dtype: engine.text("dtype"), maxModelLen: engine.integer("maxModelLen"),
      gpuMemoryUtilization: engine.number("gpuMemoryUtilization"),
      extra: engine.list("extraArgs")?.compactMap(\.text), adapters: adapters)
  }

  private mutating func checkAdapters(_ record: Record, _ path: String, engine: EngineArguments) {
    guard engine.adapters?.isEmpty == false, engine.namesLoRAModules else { return }
    let own = record.record("engine")?.location(of: "adapters")
    if let location = own ?? spec.record("engine")?.location(of: "adapters") {
      report(
        location, (own == nil ? "spec" : path) + ".engine.adapters",
        "conflicts with --lora-modules in extraArgs; vLLM uses only one list", "list every adapter here")
    }
  }

  private mutating func checkHardware(
    _ record: Record, _ path: String, workload: String, engine: EngineArguments
  ) {
    if engine.dtype == "bfloat16", !Workload.hasBFloat16(apiWord: workload) {
      let own = record.record("engine")?.location(of: "dtype")
      if let location = own ?? spec.record("engine")?.location(of: "dtype") {
        report(
          location, (own == nil ? "spec" : path) + ".engine.dtype", "a T4 does not support bfloat16",
          "use float16, or an A10")
      }
    }
  }

  // MARK: Between entities

  private mutating func readPlane() {
    guard let record = spec.record("plane") else { return }
    plane = PlaneArguments(record)
    planeFields += Self.written(record, path: "spec.plane")
    guard let location = record.location(of: "idleAfter") else { return }
    let entities = spec.isAbsent("servedEntities") ? [spec] : (spec.list("servedEntities") ?? []).compactMap(\.record)
    let mayScale = entities.contains { !$0.isAbsent("scaleToZero") && $0.boolean("scaleToZero") != false }
    if !entities.isEmpty, !mayScale {
      report(
        location, "spec.plane.idleAfter", "has no effect without scaleToZero: true",
        "write scaleToZero: true, or remove idleAfter")
    }
  }

  /// Returns the fields that are set in a record, without those that only contain others.
  private static func written(_ record: Record, path: String) -> [WrittenField] {
    record.type.fields.flatMap { field -> [WrittenField] in
      let path = "\(path).\(field.name)"
      if let inner = record.record(field.name) { return written(inner, path: path) }
      return record.location(of: field.name).map { [WrittenField(path: path, location: $0)] } ?? []
    }
  }

  private mutating func checkTraffic(_ items: [Record.Slot], at location: SourceLocation) {
    var sum = 0
    var isComplete = true
    for (index, item) in items.enumerated() {
      guard let record = item.record else {
        isComplete = false
        continue
      }
      if let share = record.integer("traffic") {
        sum += share
      } else {
        isComplete = false
        if items.count > 1, record.isAbsent("traffic") {
          report(
            record.location, "spec.servedEntities[\(index)].traffic", "required with two or more entities, but missing",
            "for example traffic: \(100 / items.count)")
        }
      }
    }
    if isComplete, !items.isEmpty, sum != 100 {
      report(location, "spec.servedEntities", "the entities' traffic adds up to \(sum), not 100")
    }
  }

  private mutating func checkUnique(_ entity: ManifestEntity, _ record: Record) {
    if let twin = entities.first(where: { $0.model == entity.model && $0.version == entity.version }) {
      report(
        entity.versionLocation, entity.path + ".entityVersion",
        "version \"\(entity.version.text)\" of model \(shown(entity.model)) is already served by \(twin.path)",
        "keep one of them, with the sum of both shares")
    }
    guard let name = entity.effectiveName, let twin = entities.first(where: { $0.effectiveName == name }),
      twin.model != entity.model || twin.version != entity.version || entity.name != nil
    else { return }
    report(
      record.location(of: "name") ?? record.location, entity.path + ".name",
      "the name \"\(name)\" is already used by \(twin.path)",
      entity.name == nil ? "give each entity its own name" : "choose another")
  }
}

extension ManifestEntity {
  /// The name that the entity will have, if it is known before aliases are resolved.
  fileprivate var effectiveName: String? {
    if let name { return name }
    guard case .number(let number) = version else { return nil }
    return ServedEntity.defaultName(entityName: model, entityVersion: number)
  }
}
