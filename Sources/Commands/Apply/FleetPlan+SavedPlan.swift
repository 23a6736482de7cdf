internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import FoundationEssentials
internal import History
internal import ModelRegistry
internal import Planning
internal import ServingAPI

extension SavedPlan {
  /// Reads the plan that `diff --out` wrote.
  static func read(from path: String) throws -> SavedPlan {
    let bytes: [UInt8]
    do { bytes = Array(try Data(contentsOf: URL(filePath: path))) } catch {
      throw ErrorReport(
        "cannot read the plan \(path)", why: error.systemMessage, next: passing(path))
    }
    do {
      return try SavedPlan(json: JSONValue(parsing: bytes))
    } catch let error as SavedPlanError where error == .otherKind {
      throw ErrorReport("\(path) is not a saved plan", next: passing(path))
    } catch let error as SavedPlanError {
      throw ErrorReport("\(path) cannot be applied", why: error.description)
    } catch {
      throw ErrorReport(
        "\(path) is not a saved plan", why: "\(error)", next: passing(path))
    }
  }

  /// Never suggests writing to the path: it may be a manifest.
  private static func passing(_ path: String) -> String {
    let plan = "pass a file written by \"setpoint diff --out\""
    var isDirectory = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    let isManifest = exists && (isDirectory || [".yaml", ".yml", ".json"].contains(where: path.hasSuffix))
    guard isManifest else { return plan }
    return "\(plan); to apply manifests, use \"\(ShellWord.line(["setpoint", "apply", "-f", path]))\""
  }
}

extension SavedPlan {
  /// The options of `diff` that the plan was created with.
  fileprivate var flags: String {
    [(prune, "--prune"), (adopt, "--adopt"), (allowRecreate, "--allow-recreate")].filter(\.0).map { " \($0.1)" }
      .joined()
  }
}

extension FleetPlan {
  /// Creates the plan of a saved plan, if live state is still what it was created for.
  ///
  /// - Parameter path: the saved plan's file.
  /// - Throws: an ``ErrorReport`` that lists what has changed, and `StorageError` for environment values that cannot be
  ///   found.
  init(
    _ saved: SavedPlan, _ set: ManifestSet?, _ connection: Connection, _ history: HistoryStore, fleet: FleetOptions,
    named name: String, on cloud: Cloud? = nil, from path: String
  ) async throws {
    guard saved.target == connection.target.url else {
      throw ErrorReport(
        "the plan is for \(saved.target), but this command uses \(connection.target.url)",
        next: "pass --host \(saved.target), or create the plan again")
    }
    guard name == DecisionOptions.defaultFleet || name == saved.fleet else {
      throw ErrorReport("the plan is for fleet \"\(saved.fleet)\", but --fleet is \"\(name)\"")
    }
    let commit = fleet.decisionOptions(fleet: saved.fleet).sourceCommit
    let options = DecisionOptions(
      fleet: saved.fleet, adopt: saved.adopt, prune: saved.prune, allowRecreate: saved.allowRecreate,
      sourceCommit: commit)
    let reconciler = connection.reconciler(history, options)
    let wanted = try saved.desiredFleet(
      values: try await Self.values(saved, set, connection.provider), key: history.key)
    let names = Set(saved.entries.map(\.name))
    let items = try await reconciler.survey(wanted).filter { names.contains($0.name) }
    // Deletions were checked against the whole fleet when the plan was created.
    try await self.init(
      reconciler, wanted, items, PlanOptions(options, isSourceWhole: true, allowMassDelete: true, cloud: cloud))
    let movements = saved.movements(now: items, replanned: plan)
    guard movements.isEmpty else {
      throw ErrorReport(
        "the plan is stale: live state has changed since it was created", why: movements.joined(separator: "\n"),
        next: "create it again with \"setpoint diff -f ... --out \(ShellWord.quoted(path))\(saved.flags)\"")
    }
  }

  /// Returns which aliases now name another version than the one in the plan (serving-api.md Q40). A registry that
  /// cannot be queried, or no longer has the alias, adds none.
  func aliasMoves(_ versions: VersionResolver) async throws -> [String] {
    let planned = items.flatMap { item -> [AliasedVersion] in
      guard case .present(let endpoint, _) = item.desired else { return [] }
      return endpoint.aliasedVersions
    }
    return try await mapConcurrently(planned, limit: 8) { planned -> String? in
      do {
        let present = try await versions.resolve(model: planned.model, alias: planned.alias).number
        guard present != planned.version else { return nil }
        return "\(planned.text) is now version \(present); the plan is for version \(planned.version)"
      } catch let error as CancellationError {
        throw error
      } catch {
        return nil
      }
    }.compactMap(\.self)
  }

  /// Returns the possible sources of environment values of the planned configs: the manifests passed with the plan,
  /// then live state.
  private static func values(
    _ saved: SavedPlan, _ set: ManifestSet?, _ provider: APIProvider
  ) async throws -> [String: [EndpointConfig]] {
    let fromManifests = Dictionary(
      (set?.manifests ?? []).map { manifest in
        // The environment can be read without resolving the alias.
        (manifest.name, (try? manifest.desired { _ in "0" }).map { [$0.config] } ?? [])
      }, uniquingKeysWith: { one, _ in one })
    let live = try await mapConcurrently(saved.entries.map(\.name), limit: 16) { name -> [EndpointConfig] in
      guard case .present(let endpoint) = try await provider.observe(name) else { return [] }
      return [endpoint.active, endpoint.pending].compactMap { $0?.config }
    }
    return Dictionary(
      zip(saved.entries.map(\.name), live).map { name, live in (name, fromManifests[name, default: []] + live) },
      uniquingKeysWith: { one, _ in one })
  }
}
