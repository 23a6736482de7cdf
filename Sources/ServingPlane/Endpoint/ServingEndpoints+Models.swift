import Logging
import ServingAPI

// Model versions of another machine's registry: they are looked up before a change, and downloaded in the background.
extension ServingEndpoints {
  /// Looks up the versions of a config. Not part of a change: no other one waits for another machine.
  ///
  /// - Returns: why versions cannot be served.
  func lookUp(_ wire: WireConfig?) async -> [ModelVersionID: ModelError] {
    guard models.isRemote, !isStopping else { return [:] }
    var refusals: [ModelVersionID: ModelError] = [:]
    for launch in Self.launches(of: wire) {
      do throws(ModelError) { try await models.lookUp(launch.model, launch.version) } catch {
        refusals[launch.modelVersion] = error
      }
      // Adapters are small, and whether they fit is checked by their contents.
      for adapter in launch.adapterVersions {
        do throws(ModelError) {
          try await models.lookUp(adapter.model, adapter.number)
          try await models.fetch(adapter.model, adapter.number)
        } catch {
          refusals[adapter] = error
        }
      }
    }
    return refusals
  }

  /// The versions that a config names. They are held from before ``lookUp(_:)`` until the config is accepted or refused.
  static func versions(in wire: WireConfig?) -> Set<ModelVersionID> {
    Set(launches(of: wire).flatMap { [$0.modelVersion] + $0.adapterVersions })
  }

  /// What else is wrong with a config is reported when it is read.
  private static func launches(of wire: WireConfig?) -> [LaunchConfig] {
    (wire?.entities ?? []).prefix(ConfigReader.maximumEntities).compactMap { entity in
      guard let model = entity.entityName, let number = entity.entityVersion.flatMap({ Int($0) }), number > 0 else {
        return nil
      }
      return LaunchConfig(model: model, version: number, workloadType: "", environment: entity.environmentVars ?? [:])
    }
  }

  /// Downloads the files of a launch's version, for an update that waits for them.
  func download(_ launch: LaunchConfig, for endpoint: String) {
    downloads.start { [models] in
      let failure: ReplicaFailure?
      do throws(ReplicaFailure) {
        try await Self.fetch(launch, from: models)
        failure = nil
      } catch {
        failure = error
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
    { [models] () async throws(ReplicaFailure) in try await Self.fetch(launch, from: models) }
  }

  private static func fetch(_ launch: LaunchConfig, from models: any ModelSource) async throws(ReplicaFailure) {
    do throws(ModelError) {
      for version in [launch.modelVersion] + launch.adapterVersions {
        try await models.fetch(version.model, version.number)
      }
    } catch {
      throw ReplicaFailure(error)
    }
  }
}
