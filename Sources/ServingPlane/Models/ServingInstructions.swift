import FoundationEssentials

/// How to serve a folder's model: as given by the caller, otherwise by the folder's `MLmodel`, otherwise as inferred
/// from its `config.json`. A LoRA adapter has no instructions of its own.
struct ServingInstructions: Hashable, Sendable {
  /// A command that can be run; empty for a LoRA adapter.
  let entrypoint: String
  /// Such as `llm/v1/chat`, or ``adapterTask``.
  let task: String
  /// Whether the folder is an MLflow model.
  let isMLflow: Bool

  /// - Parameters:
  ///   - folder: an absolute path.
  ///   - entrypoint: nil for the folder's own.
  ///   - task: nil for the folder's own.
  init(folder: String, entrypoint given: String?, task givenTask: String?) throws(ModelError) {
    let written = try MLmodel(path: folder + "/MLmodel")
    isMLflow = written != nil
    if let command = [given, written?.entrypoint].compactMap(\.self).first(where: { !$0.trimming(" \n\t").isEmpty }) {
      entrypoint = command
      task = givenTask ?? written?.task ?? "llm/v1/chat"
    } else if try LoRAAdapter(folder: folder) != nil {
      guard givenTask == nil else {
        throw ModelError(
          code: .invalid,
          description: "\(folder) contains a LoRA adapter, which has the task of its base model; omit --task")
      }
      entrypoint = ""
      task = Self.adapterTask
      return
    } else {
      let model = try HuggingFaceFolder(path: folder)
      guard let model else { throw Self.noEntrypoint(folder, isMLflow: isMLflow) }
      entrypoint = HuggingFaceFolder.entrypoint
      task = if let said = givenTask ?? written?.task { said } else { try model.task }
    }
    try Self.check(entrypoint)
  }

  /// The task of a LoRA adapter, in the registry only.
  static let adapterTask = "lora-adapter"

  private static func check(_ entrypoint: String) throws(ModelError) {
    do {
      try ShellEntrypoint.check(entrypoint)
      _ = try CommandLineWords.split(entrypoint, port: 1, variables: nil)
    } catch {
      throw ModelError(code: .invalid, description: "the entrypoint cannot be run: \(error)")
    }
  }

  private static func noEntrypoint(_ folder: String, isMLflow: Bool) -> ModelError {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
    if files.isEmpty { return ModelError(code: .invalid, description: "\(folder) is empty") }
    let inner = files.first { FileManager.default.fileExists(atPath: "\(folder)/\($0)/config.json") }
    if let inner, !isMLflow {
      return ModelError(
        code: .invalid,
        description: "\(folder) is not the model's folder, but \(folder)/\(inner) has a config.json: register that one")
    }
    let command = "--entrypoint \"\(HuggingFaceFolder.entrypoint)\""
    return ModelError(
      code: .invalid,
      description: isMLflow
        ? "the MLmodel file in \(folder) has no metadata.entrypoint; pass one, such as \(command)"
        : "\(folder) has neither an MLmodel file nor a config.json; pass the command that serves it, such as \(command)"
    )
  }
}
