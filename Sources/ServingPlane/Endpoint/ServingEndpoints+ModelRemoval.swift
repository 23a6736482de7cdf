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
}
