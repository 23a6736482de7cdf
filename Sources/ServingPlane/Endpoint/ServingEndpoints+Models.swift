import Logging
import ServingAPI

// Model versions of another machine's registry: they are looked up before a change, and downloaded in the background.
extension ServingEndpoints {
  /// Looks up the versions of a config. Not part of a change: no other one waits for another machine.
  ///
  /// - Returns: why versions cannot be served.
  func lookUp(_ wire: WireConfig?) async -> [ModelReference: ModelError] {
    guard models.isRemote, let wire, !isStopping else { return [:] }
    var refusals: [ModelReference: ModelError] = [:]
    // What else is wrong with the config is reported when it is read.
    for entity in wire.entities.prefix(ConfigReader.maximumEntities) {
      guard let model = entity.entityName, let number = entity.entityVersion.flatMap({ Int($0) }), number > 0 else {
        continue
      }
      do throws(ModelError) { try await models.lookUp(model, number) } catch {
        refusals[ModelReference(model: model, number: number)] = error
      }
    }
    return refusals
  }

  /// Downloads the files of a launch's version, for an update that waits for them.
  func download(_ launch: LaunchConfig, for endpoint: String) {
    downloads.start { [models] in
      let failure: ReplicaFailure?
      do throws(ModelError) {
        try await models.fetch(launch.model, launch.version)
        failure = nil
      } catch {
        failure = ReplicaFailure(error)
      }
      // The next plane continues.
      guard !Task.isCancelled else { return }
      await self.note(launch, failure, for: endpoint)
    }
  }

  private func note(_ launch: LaunchConfig, _ failure: ReplicaFailure?, for endpoint: String) async {
    await changes.run {
      guard !isReleased else { return }
      if let failure {
        log.warning(
          "a model could not be downloaded",
          metadata: ["model": "\(launch.model)", "version": "\(launch.version)", "cause": "\(failure)"])
      }
      await act(on: endpoint) { $0.downloaded(launch.key, failure, chance: Double.random(in: 0..<1), $1) }
    }
  }

  /// What a replica does before it starts: its files are checked, and downloaded again if they are damaged.
  nonisolated func fetch(_ launch: LaunchConfig) -> @Sendable () async throws(ReplicaFailure) -> Void {
    { [models] () async throws(ReplicaFailure) in
      do throws(ModelError) { try await models.fetch(launch.model, launch.version) } catch {
        throw ReplicaFailure(error)
      }
    }
  }
}
