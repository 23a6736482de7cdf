internal import CanonicalJSON
internal import Endpoints
internal import LibYAML
internal import ServingAPI

/// An endpoint as another tool's configuration declares it: the body of a create request in the API's terms, and its
/// context.
struct DeclaredEndpoint {
  /// Its name in the configuration.
  let label: String
  /// Its path, such as `resource.databricks_model_serving.chat`.
  let path: String
  var body: SourcedValue
  /// The grants: objects with a principal and a level, in the API's terms.
  var grants: [SourcedValue] = []
  /// Whether the configuration protects it from deletion.
  var isRetained = false
  /// Fields that could not be resolved.
  var open: [References.Open] = []
  /// Members of the block that the file's reader has handled, or that do not describe the endpoint.
  var settled: Set<String> = []
  /// Lists that the configuration joins from two places.
  var joined: [JoinedList] = []
  /// Other names that the user may use for it, such as an address.
  var otherNames: Set<String> = []

  /// The endpoint's name, if it is known.
  var name: String? { body["name"]?.text.flatMap { $0.isEmpty ? nil : $0 } }

  /// Whether the user means this endpoint by that name.
  func isCalled(_ asked: String) -> Bool {
    asked == label || asked == name || asked == path || otherNames.contains(asked)
  }

  /// Returns the manifest, and findings on the block.
  func outcome() -> (ImportOutcome, [Finding]) {
    let request = WireCreateRequest(body.json) ?? WireCreateRequest()
    let faults = request.typeFindings().map { fault in
      let member = fault.prefix { $0 != ":" }
      return Finding(
        at: body.location(of: member), path: "\(path).\(member)", String(fault.dropFirst(member.count + 2)))
    }
    guard faults.isEmpty else {
      return (.skipped(name: name ?? label, why: "its block contains errors"), faults)
    }
    let open = allOpen
    var findings = open.map(finding) + joined.map { $0.finding }
    do {
      let omissions = DeclaredOmissions(of: self, request)
      findings += omissions.items.map { finding($0) }
      let draft = try draft(request, open, omissions)
      guard open.isEmpty else {
        return (.manifest(ImportedManifest(open: draft, name: name ?? label, openFields: open.map(\.path))), findings)
      }
      return (.manifest(try ImportedManifest(draft)), findings)
    } catch {
      let joins = joined.filter(\.changesConfig).map(\.text)
      return (.skipped(name: name ?? label, why: ([error.why] + joins).joined(separator: "; ")), findings)
    }
  }

  /// Fields that could not be resolved, including a missing name.
  private var allOpen: [References.Open] {
    guard name == nil, !open.contains(where: { $0.path == "name" }) else { return open }
    return [References.Open(path: "name", on: "", location: body.location)] + open
  }

  private func finding(_ open: References.Open) -> Finding {
    Finding(
      .warning, at: open.location, path: "\(path).\(open.path)",
      open.on.isEmpty ? "is not set" : "is unknown (\(open.on)), so the field is omitted",
      suggestion: "add it to the manifest")
  }

  private func finding(_ omission: DeclaredOmissions.Item) -> Finding {
    Finding(
      .warning, at: omission.location, path: "\(path).\(omission.path)",
      "omitted: \(omission.why); the endpoint is created without it")
  }

  // MARK: The draft

  private func draft(
    _ request: WireCreateRequest, _ open: [References.Open], _ omissions: DeclaredOmissions
  ) throws(UnsupportedEndpoint) -> ManifestDraft {
    var endpoint = WireEndpoint()
    for member in ["name", "config", "tags", "ai_gateway", "email_notifications", "description", "route_optimized"] {
      endpoint.members[member] = request.members[member]
    }
    let entities = request.config?.entities ?? []
    if entities.count > 1, (request.config?.trafficConfig?.routes ?? []).isEmpty, open.isEmpty {
      throw UnsupportedEndpoint(
        "it has \(entities.count) served entities and no traffic_config that splits the traffic")
    }
    var draft = try ManifestDraft(endpoint, from: .declaration, isOpen: !open.isEmpty)
    draft.isRetained = isRetained
    draft.settings.creation.budgetPolicy = request.budgetPolicy.flatMap { $0.isEmpty ? nil : $0 }
    draft.settings.telemetry = telemetry(request)
    let known = WirePermissions(entries: grants.compactMap { WireAccessEntry($0.json) }).grants.filter {
      if case .unknown = $0.level { false } else { true }
    }
    if !known.isEmpty { draft.settings.access = AccessSettings(grants: known) }
    draft.remarks += open.map { open in
      "to complete by hand: \(open.path), which is \(open.on.isEmpty ? "not set" : open.on) at \(open.location)"
    }
    for item in omissions.items where !item.isOfDraft { draft.omit(item.path, item.why) }
    return draft
  }

  private func telemetry(_ request: WireCreateRequest) -> TelemetrySettings? {
    guard let telemetry = WireTelemetry(request.members["telemetry_config"]) else { return nil }
    let settings = TelemetrySettings(
      logsTable: telemetry.tableNames?.logs, metricsTable: telemetry.tableNames?.metrics,
      tracesTable: telemetry.tableNames?.traces, samplingFraction: telemetry.sampling?.fraction,
      profileID: telemetry.profileID)
    return settings == TelemetrySettings() ? nil : settings
  }
}

/// A list that a configuration joins from two places.
struct JoinedList: Hashable, Sendable {
  /// The path from the file's root.
  let path: String
  let first: SourceLocation
  let second: SourceLocation

  /// Whether the list is part of the config, where items are not repeated on purpose.
  var changesConfig: Bool { ["served_entities", "served_models", "routes"].contains(name) }

  private var name: Substring { path.split(separator: ".").last ?? "" }

  var text: String { "its \(name) come from two lists, at \(first) and at \(second)" }

  var finding: Finding {
    Finding(
      .warning, at: second, path: path,
      "two lists were joined, this one and the one at \(first): a bundle appends a target's list to its own",
      suggestion: "if one is meant to replace the other, keep only that one")
  }
}
