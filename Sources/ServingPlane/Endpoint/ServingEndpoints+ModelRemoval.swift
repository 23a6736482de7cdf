import Logging

/// The outcome of the deletion of a model version.
struct DeletedVersion: Hashable, Sendable {
  /// What the deletion freed, in bytes.
  let freed: Int64
  /// Whether it was the model's last version, so that the model is deleted too.
  let wasLast: Bool
}

// Deleting versions of models, which endpoints may need.
extension ServingEndpoints {
  /// Deletes a version that no endpoint needs.
  ///
  /// - Parameters:
  ///   - directory: the registry that has it.
  ///   - aliases: the version's aliases to be deleted with it.
  ///   - principal: the name of who requests it, for the log.
  func deleteVersion(
    _ version: ModelVersionID, in directory: ModelDirectory, aliases: Set<String>, by principal: String?
  ) async throws(APIError) -> DeletedVersion {
    // No config that needs the version can be accepted between the check and the deletion.
    let folder = try await changes.run { () async throws(APIError) -> String in
      try refuseWhileStopping()
      let previous: [String: PlaneConfig]
      do { previous = try await BlockingWork.brief.run { [store] in try store.previousConfigs() } } catch {
        throw APIError.internal("the plane's store cannot be read: \(error)")
      }
      let uses = VersionUses(
        of: version, endpoints: machines.values.map(\.record), previous: previous,
        replicas: replicas.living.map { record in
          let name = machines[record.endpoint]?.record.name ?? deletedNames[record.endpoint]
          return (endpoint: name ?? record.endpoint, launch: record.launch)
        })
      if let refusal = uses.refusal { throw APIError(refusal) }
      do throws(ModelError) {
        return try await BlockingWork.brief.run { () throws(ModelError) -> String in
          try directory.deleteVersion(version.model, version.number, aliases: aliases)
        }
      } catch {
        throw APIError(error)
      }
    }
    log.info(
      "model version deleted",
      metadata: ["model": "\(version.model)", "version": "\(version.number)", "principal": "\(principal ?? "-")"])
    do throws(ModelError) {
      return try await BlockingWork.folders.run { () throws(ModelError) -> DeletedVersion in
        let freed = try directory.removeFolder(folder)
        return DeletedVersion(freed: freed, wasLast: directory.numbers(version.model).isEmpty)
      }
    } catch {
      throw APIError(error)
    }
  }

  /// Removes versions of another machine's registry from this machine's disk that no endpoint needs.
  ///
  /// - Parameters:
  ///   - isDryRun: whether to return only what would be removed.
  ///   - principal: the name of who requests it, for the log.
  func discardVersions(
    of models: MLflowModels, isDryRun: Bool, by principal: String?
  ) async throws(APIError) -> [ModelLeftover] {
    guard !isDryRun else {
      let needed = try await neededVersions()
      return await BlockingWork.folders.run { models.leftovers(besides: needed) }
    }
    // No config that needs another version can be accepted between the check and the removal.
    let discarded = try await changes.run { () async throws(APIError) -> [DiscardedFiles] in
      try refuseWhileStopping()
      let needed = try await neededVersions()
      do throws(ModelError) {
        return try await BlockingWork.brief.run { () throws(ModelError) -> [DiscardedFiles] in
          try models.discard(besides: needed)
        }
      } catch {
        throw APIError(error)
      }
    }
    for files in discarded {
      log.info(
        "files of an MLflow server's model removed",
        metadata: ["what": "\(files.what)", "path": "\(files.path)", "principal": "\(principal ?? "-")"])
    }
    do throws(ModelError) {
      return try await BlockingWork.folders.run { () throws(ModelError) -> [ModelLeftover] in
        try models.remove(discarded)
      }
    } catch {
      throw APIError(error)
    }
  }

  /// The versions that endpoints serve, deploy, keep, or may be rolled back to, and those of running replicas.
  private func neededVersions() async throws(APIError) -> Set<ModelVersionID> {
    let previous: [String: PlaneConfig]
    do { previous = try await BlockingWork.brief.run { [store] in try store.previousConfigs() } } catch {
      throw APIError.internal("the plane's store cannot be read: \(error)")
    }
    let records = machines.values.map(\.record)
    let configs =
      records.flatMap { record in [record.active, record.update.target].compactMap { $0 } } + previous.values
    let launches = replicas.living.map(\.launch)
    return Set(configs.flatMap(\.modelVersions) + launches.flatMap { [$0.modelVersion] + $0.adapterVersions })
  }
}
