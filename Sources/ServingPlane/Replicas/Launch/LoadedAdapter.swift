import CanonicalJSON
import Endpoints

/// A LoRA adapter that a replica loads, and the name by which its engine serves it.
struct LoadedAdapter: Hashable, Sendable {
  let name: String
  let adapter: LoRAAdapter

  /// vLLM's flags for adapters; none without adapters.
  static func flags(_ adapters: [LoadedAdapter]) -> [String] {
    guard let highest = adapters.map(\.adapter.rank).max() else { return [] }
    let rank = LoRAAdapter.ranks.first { $0 >= highest } ?? LoRAAdapter.highestRank
    let limits = ["--max-lora-rank", String(rank), "--max-loras", String(adapters.count)]
    return ["--enable-lora"] + limits + ["--lora-modules"] + adapters.map(\.module)
  }

  /// vLLM splits an item without a comma at every `=`, and reads any other as JSON (vLLM 0.32, `LoRAParserAction`).
  private var module: String {
    guard adapter.folder.contains(where: { $0 == "," || $0 == "=" }) else { return "\(name)=\(adapter.folder)" }
    let members: JSONValue = ["name": .string(name), "path": .string(adapter.folder)]
    return members.text()
  }
}

extension LaunchConfig {
  /// The adapters that its replicas serve beside the model.
  var adapters: [EngineAdapter] {
    environment[EngineAdapters.variable].flatMap { try? EngineAdapters(parsing: $0) }?.list ?? []
  }

  /// Finds the adapters in the registry.
  ///
  /// - Parameter version: returns a version of a registered model.
  func loadedAdapters(
    _ version: (_ model: String, _ number: Int) throws(ModelError) -> ModelVersion
  ) throws(ModelError) -> [LoadedAdapter] {
    var loaded: [LoadedAdapter] = []
    for listed in adapters {
      let found = try version(listed.model, Int(listed.version) ?? 0)
      guard let adapter = try LoRAAdapter(folder: found.artifacts) else {
        throw ModelError(
          code: .invalid,
          description: "version \(found.number) of model \"\(found.model)\" is not a LoRA adapter: its folder has no "
            + "adapter_config.json")
      }
      loaded.append(LoadedAdapter(name: listed.name, adapter: adapter))
    }
    return loaded
  }
}
