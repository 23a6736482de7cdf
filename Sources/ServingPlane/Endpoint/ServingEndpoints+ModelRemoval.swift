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
  /// Deletes a version that no endpoint needs, with the given aliases.
  ///
  /// - Parameter principal: the name of who requests it, for the log.
  func deleteVersion(
    _ model: String, _ number: Int, aliases: Set<String>, by principal: String?
  ) async throws(APIError) -> DeletedVersion {
    // No config that needs the version can be accepted between the check and the deletion.
    let folder = try await changes.run { () async throws(APIError) -> String in
      try refuseWhileStopping()
      let previous: [String: PlaneConfig]
      do { previous = try await BlockingWork.brief.run { [store] in try store.previousConfigs() } } catch {
        throw APIError.internal("The plane's store could not be read: \(error)")
      }
      let uses = VersionUses(
        of: model, number, endpoints: machines.values.map(\.record), previous: previous,
        replicas: replicas.living.map { record in
          let name = machines[record.endpoint]?.record.name ?? deletedNames[record.endpoint]
          return (endpoint: name ?? record.endpoint, launch: record.launch)
        })
      if let refusal = uses.refusal(model, number) { throw APIError(refusal) }
      do throws(ModelError) {
        return try await BlockingWork.brief.run { [models] () throws(ModelError) -> String in
          try models.deleteVersion(model, number, aliases: aliases)
        }
      } catch {
        throw APIError(error)
      }
    }
    log.info(
      "model version deleted",
      metadata: ["model": "\(model)", "version": "\(number)", "principal": "\(principal ?? "-")"])
    do throws(ModelError) {
      return try await BlockingWork.folders.run { [models] () throws(ModelError) -> DeletedVersion in
        let freed = try models.removeFolder(folder)
        return DeletedVersion(freed: freed, wasLast: models.numbers(model).isEmpty)
      }
    } catch {
      throw APIError(error)
    }
  }
}
