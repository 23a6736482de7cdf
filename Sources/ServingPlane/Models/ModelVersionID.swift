import Endpoints

/// A version of a registered model, whether or not it exists.
struct ModelVersionID: Hashable, Sendable {
  /// The model's name.
  let model: String
  let number: Int
}

extension PlaneConfig {
  /// The model versions that its replicas need: those of the served entities, and those of their LoRA adapters.
  var modelVersions: Set<ModelVersionID> {
    Set(entities.flatMap { [$0.launch.modelVersion] + $0.launch.adapterVersions })
  }
}

extension LaunchConfig {
  var modelVersion: ModelVersionID { ModelVersionID(model: model, number: version) }

  /// The versions of the LoRA adapters that are served beside the model.
  var adapterVersions: [ModelVersionID] {
    adapters.map { ModelVersionID(model: $0.model, number: Int($0.version) ?? 0) }
  }
}
