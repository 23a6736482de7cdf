internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// An endpoint as another tool's configuration declares it: the body of a create in the API's own words, and what stands
/// around it.
struct DeclaredEndpoint {
  /// What the configuration calls it.
  let label: String
  /// Where it stands, such as `resource.databricks_model_serving.chat`.
  let path: String
  var body: SourcedValue
  /// Whom it grants what: objects with a principal and a level.
  var grants: [SourcedValue] = []
  /// Whether the configuration guards it against deletion.
  var isRetained = false
  /// What could not be resolved.
  var open: [References.Open] = []
  /// Members of the block that the reader of the file has dealt with, or that say nothing of the endpoint.
  var settled: Set<String> = []
  var remarks: [String] = []

  /// The endpoint's name, where it is known.
  var name: String? { body["name"]?.text }

  /// The manifest, and what a person should know of the block.
  func outcome() -> (ImportOutcome, [Finding]) {
    let request = WireCreateRequest(body.json) ?? WireCreateRequest()
    let faults = request.typeFindings().map { fault in
      let member = fault.prefix { $0 != ":" }
      return Finding(
        at: body.location(of: member), path: "\(path).\(member)", String(fault.dropFirst(member.count + 2)))
    }
    guard faults.isEmpty else {
      return (.skipped(name: name ?? label, why: "its block has errors"), faults)
    }
    do {
      let draft = try draft(request)
      guard !open.isEmpty else { return (.manifest(try ImportedManifest(draft)), []) }
      return (
        .manifest(ImportedManifest(open: draft, name: name ?? label, openFields: open.map(\.path))), openFindings
      )
    } catch {
      return (.skipped(name: name ?? label, why: error.why), openFindings)
    }
  }

  private var openFindings: [Finding] {
    open.map {
      Finding(
        .warning, at: $0.location, path: "\(path).\($0.path)", "\($0.on) is not known here, so the field is left out",
        suggestion: "write it into the manifest")
    }
  }

  // MARK: The draft

  private func draft(_ request: WireCreateRequest) throws(Unsayable) -> ManifestDraft {
    var endpoint = WireEndpoint()
    for member in ["name", "config", "tags", "ai_gateway", "email_notifications", "description", "route_optimized"] {
      endpoint.members[member] = request.members[member]
    }
    var draft = try ManifestDraft(endpoint, isOpen: !open.isEmpty)
    draft.isRetained = isRetained
    draft.settings.creation.budgetPolicy = request.budgetPolicy.flatMap { $0.isEmpty ? nil : $0 }
    draft.settings.telemetry = telemetry(request)
    addGrants(to: &draft)
    draft.remarks += open.map { "to be written by hand: \($0.path), which is \($0.on) at \($0.location)" } + remarks
    let left = leftOut(request)
    if !left.isEmpty {
      draft.remarks.append("left out: \(left.joined(separator: ", ")), for which a manifest has no field")
    }
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

  private func addGrants(to draft: inout ManifestDraft) {
    let permissions = WirePermissions(entries: grants.compactMap { WireAccessEntry($0.json) })
    let known = permissions.grants.filter { if case .unknown = $0.level { false } else { true } }
    if !known.isEmpty { draft.settings.access = AccessSettings(grants: known) }
    if known.count < permissions.grants.count {
      draft.remarks.append("left out: grants of levels other than CAN_VIEW, CAN_QUERY and CAN_MANAGE")
    }
  }

  /// Members that are set and that no manifest has a field for, as paths.
  private func leftOut(_ request: WireCreateRequest) -> [String] {
    let written: Set = [
      "name", "config", "tags", "ai_gateway", "email_notifications", "description", "route_optimized",
      "budget_policy_id", "telemetry_config",
    ]
    var left = request.members.filter { !written.contains($0.key) && !settled.contains($0.key) && !$0.value.isNull }
      .map(\.key)
    left += request.config?.unknownMembers.keys.map { "config.\($0)" } ?? []
    for entity in request.config?.entities ?? [] {
      // Those that make a rollout are named where the entity stands.
      let unknown = Set(entity.unknownMembers.keys).subtracting(entity.unrepresentedMembers)
      left += unknown.map { "\($0) of \(entity.resolvedName)" }
    }
    let telemetry = WireTelemetry(request.members["telemetry_config"])
    if telemetry?.tableNames?.members["annotations_table"] != nil {
      left.append("telemetry_config.table_names.annotations_table")
    }
    return left.sorted()
  }
}
