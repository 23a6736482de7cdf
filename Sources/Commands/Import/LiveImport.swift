internal import Controller
internal import Endpoints
internal import Planning
internal import ServingAPI

/// Generates manifests of live endpoints.
enum LiveImport {
  /// - Parameter names: empty: every endpoint.
  static func outcomes(_ names: [String], at connection: Connection) async throws -> [ImportOutcome] {
    let asked = names.isEmpty ? try await connection.provider.list().map(\.name) : names
    let outcomes = try await mapConcurrently(asked, limit: 16) { name in try await outcome(name, connection) }
    guard outcomes.contains(where: { $0 == nil }) else { return outcomes.compactMap(\.self) }
    let existing = (try? await connection.provider.list().map(\.name)) ?? []
    return zip(asked, outcomes).map { name, outcome in
      let why = "not found at \(connection.target.url)" + ImportOutcome.suggestion(for: name, among: existing)
      return outcome ?? .skipped(name: name, why: why)
    }
  }

  /// Returns nil if the endpoint does not exist.
  private static func outcome(_ name: String, _ connection: Connection) async throws -> ImportOutcome? {
    if FleetTags.isReserved(endpoint: name) { return .reserved(name: name) }
    do {
      guard let live = try await LiveEndpoint.find(name, connection.provider) else { return nil }
      return try .manifest(ImportedManifest(await draft(live, connection.provider)))
    } catch let error as UnsupportedEndpoint {
      return .skipped(name: name, why: error.why)
    } catch let error as ServingError where error.kind == .permissionDenied {
      // The other endpoints may be readable.
      return .skipped(name: name, why: "it cannot be read: \(error.serverMessage)")
    }
  }

  private static func draft(_ live: LiveEndpoint, _ provider: some ServingProvider) async throws -> ManifestDraft {
    var draft = try ManifestDraft(live.details, from: .live)
    draft.remarks.append(
      "versions are the live numbers; the API does not report aliases: write \"@alias\" to follow one"
    )
    if live.observed.active == nil { draft.remarks.append("from a rollout that is not active yet") }
    if let policy = live.observed.settings?.effectiveBudgetPolicy {
      draft.remarks.append(
        "omitted: the budget policy (\(policy) is in effect), because the API does not report who chose it")
    }
    if let telemetry = live.observed.settings?.telemetry { draft.add(telemetry) }
    await draft.addAccess(of: live.observed, provider)
    return draft
  }
}

extension ManifestDraft {
  /// Adds the telemetry. Requests contain tables, responses a profile's ID (serving-api.md Q21); the profile is
  /// equivalent and causes no change.
  fileprivate mutating func add(_ telemetry: ObservedTelemetry) {
    guard let profile = telemetry.profileID else {
      return omit("telemetry", "the API reports neither tables nor a profile")
    }
    settings.telemetry = TelemetrySettings(samplingFraction: telemetry.samplingFraction, profileID: profile)
    telemetryRemarks = ["the API reports the profile, not its table names"]
  }

  /// Adds the grants made by users; the creator's own permission to manage it is omitted.
  fileprivate mutating func addAccess(of endpoint: ObservedEndpoint, _ provider: some ServingProvider) async {
    do {
      let access = try await provider.access(id: endpoint.id)
      let grants = access.grants.filter { grant in
        let isCallers = access.caller.map { $0.isSame(as: grant.principal) } ?? false
        let isCreators = grant.principal.name == endpoint.creator || isCallers
        return !(isCreators && grant.level == .canManage)
      }
      let known = grants.filter { if case .unknown = $0.level { false } else { true } }
      if !known.isEmpty { settings.access = AccessSettings(grants: known) }
      for grant in grants where !known.contains(grant) {
        omit("the permission of \(grant.principal.description)", "its kind is unknown")
      }
    } catch let error as ServingError {
      // A plane of an earlier version has no permissions, and not every caller may read those of an endpoint.
      if !error.isMissingCall {
        omit("access", "permissions cannot be read: \(error.serverMessage)")
      }
    } catch {
      // Canceled: the next call reports it.
    }
  }
}
