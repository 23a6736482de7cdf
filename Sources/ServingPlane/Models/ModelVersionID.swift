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
    var versions: Set<ModelVersionID> = []
    for launch in entities.map(\.launch) {
      versions.insert(ModelVersionID(model: launch.model, number: launch.version))
      for adapter in launch.adapters {
        versions.insert(ModelVersionID(model: adapter.model, number: Int(adapter.version) ?? 0))
      }
    }
    return versions
  }
}
