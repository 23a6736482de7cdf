/// Finds the LoRA adapters of a served entity, and checks them before a replica starts with them.
struct AdapterRule {
  /// Returns a version of a registered model, or throws the reason it is missing.
  let version: (_ model: String, _ number: Int) throws(ModelError) -> ModelVersion

  /// - Parameters:
  ///   - launch: the entity's launch config, whose variables are valid.
  ///   - base: the entity's model version.
  /// - Throws: ``ModelError`` with what is wrong.
  func adapters(of launch: LaunchConfig, on base: ModelVersion) throws(ModelError) -> [LoadedAdapter] {
    guard !base.isAdapter else {
      throw Self.invalid(
        "version \(base.number) of model \"\(base.model)\" is a LoRA adapter, which is served only with its base "
          + "model; serve the base model, and list the adapter under engine.adapters")
    }
    let adapters = try launch.loadedAdapters(version)
    guard !adapters.isEmpty else { return [] }
    // Nil if the entrypoint needs a variable that only the plane has.
    let command = try? LaunchCommand(entrypoint: base.entrypoint, port: 1, environment: launch.environment)
    try check(adapters, flags: Flags(launch, base, modelArgument: command?.modelArgument))
    guard let folder = command?.modelPath(in: base.artifacts) else { return adapters }
    for loaded in adapters {
      guard let misfit = loaded.adapter.misfit(with: folder) else { continue }
      throw Self.invalid(
        "the adapter \"\(loaded.name)\" does not fit version \(base.number) of model \"\(base.model)\": \(misfit)"
          + (loaded.adapter.base.map { "; it was trained on \($0)" } ?? ""))
    }
    return adapters
  }

  private func check(_ adapters: [LoadedAdapter], flags: Flags) throws(ModelError) {
    guard flags.values(of: "--lora-modules") == nil else {
      throw Self.invalid(
        "the adapters conflict with --lora-modules in the model's entrypoint or in the engine's flags; vLLM uses only "
          + "one list, so remove one of the two")
    }
    if let name = adapters.map(\.name).first(where: { flags.modelNames.contains($0) }) {
      throw Self.invalid(
        "the adapter \"\(name)\" has the name by which vLLM serves the model itself; choose another name, or change "
          + "--served-model-name in the entrypoint")
    }
    guard let most = flags.maximumRank else { return }
    for loaded in adapters where loaded.adapter.rank > most {
      throw Self.invalid(
        "the adapter \"\(loaded.name)\" has rank \(loaded.adapter.rank), but --max-lora-rank is \(most); remove the "
          + "flag")
    }
  }

  private static func invalid(_ description: String) -> ModelError {
    ModelError(code: .invalid, description: description)
  }

  /// The flags of an entrypoint, and those that a config adds.
  private struct Flags {
    private let words: [String]
    /// The names by which the engine serves the model itself.
    let modelNames: [String]
    /// The `--max-lora-rank` that the config adds. One in the entrypoint does not apply: the plane's own follows it.
    let maximumRank: Int?

    init(_ launch: LaunchConfig, _ base: ModelVersion, modelArgument: String?) {
      let engine = launch.environment[EngineFlags.variable].flatMap { try? EngineFlags.words($0) } ?? []
      words = ((try? CommandLineWords.split(base.entrypoint, port: 1, variables: nil)) ?? []) + engine
      maximumRank = Self.values(of: "--max-lora-rank", in: engine)?.first.flatMap { Int($0) }
      modelNames = Self.values(of: "--served-model-name", in: words) ?? [modelArgument].compactMap(\.self)
    }

    func values(of option: String) -> [String]? { Self.values(of: option, in: words) }

    /// The values of an option; those of the last one, as argparse takes it. Nil if it is not given.
    private static func values(of option: String, in words: [String]) -> [String]? {
      guard let last = words.lastIndex(where: { $0.hasPrefix("--") && EngineFlagRule.Flag($0).isMeant(option) }) else {
        return nil
      }
      if let value = EngineFlagRule.Flag(words[last]).value { return [value] }
      return Array(words[(last + 1)...].prefix { !$0.hasPrefix("-") })
    }
  }
}
