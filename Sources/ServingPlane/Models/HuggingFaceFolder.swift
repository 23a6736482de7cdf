import CanonicalJSON
import FoundationEssentials

/// A model folder as written by Hugging Face's libraries, with a `config.json`: enough to serve it with vLLM without
/// further instructions.
struct HuggingFaceFolder {
  /// Serves the folder in which it runs.
  static let entrypoint = "python -m vllm.entrypoints.openai.api_server --model ."

  private let path: String
  private let kind: ModelKind
  private let hasChatTemplate: Bool

  /// - Returns: nil if the folder has no `config.json`.
  /// - Throws: `ModelError` for a file that cannot be read.
  init?(path: String) throws(ModelError) {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard files.contains("config.json") else { return nil }
    self.path = path
    let config = try Self.json(path + "/config.json")
    let architectures = (config["architectures"]?.arrayValue ?? []).compactMap(\.stringValue)
    kind = ModelKind(architectures: architectures, isSentenceTransformer: files.contains("modules.json"))
    let template = files.contains("tokenizer_config.json") ? try Self.json(path + "/tokenizer_config.json") : .null
    hasChatTemplate =
      files.contains { ["chat_template.jinja", "chat_template.json", "additional_chat_templates"].contains($0) }
      || !(template["chat_template"]?.isNull ?? true)
  }

  /// Such as `llm/v1/chat`.
  ///
  /// - Throws: `ModelError` for a kind of model that a plane does not serve.
  var task: String {
    get throws(ModelError) {
      switch kind {
      case .generation: return hasChatTemplate ? "llm/v1/chat" : "llm/v1/completions"
      case .embedding: return "llm/v1/embeddings"
      case .other(let architecture):
        throw ModelError(
          code: .invalid,
          description: "\(path)/config.json names the architecture \(architecture); a plane serves chat, "
            + "completions and embeddings models; if it is one of these, set --task")
      case .unnamed:
        throw ModelError(
          code: .invalid,
          description: "\(path)/config.json names no architectures, so the task is unknown; set --task llm/v1/chat, "
            + "llm/v1/completions or llm/v1/embeddings")
      }
    }
  }

  /// Far larger than any of these files.
  private static let largestFile = 64 << 20

  /// The contents of one of the small JSON files in such a folder.
  static func json(_ file: String) throws(ModelError) -> JSONValue {
    do {
      let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
      if size > largestFile {
        throw ModelError(code: .invalid, description: "\(file) has \(size) bytes; at most \(largestFile) are read")
      }
      return try JSONValue(parsing: [UInt8](Data(contentsOf: URL(filePath: file))))
    } catch let error as ModelError {
      throw error
    } catch {
      throw ModelError(code: .invalid, description: "\(file) cannot be read: \(error)")
    }
  }
}

/// The purpose of a model, by the architectures in its `config.json`.
enum ModelKind: Hashable, Sendable {
  case generation
  case embedding
  /// Something else: a classifier, a reward model, a transcriber.
  case other(String)
  /// No architecture is named.
  case unnamed

  /// - Parameter isSentenceTransformer: whether the folder is one of Sentence Transformers, which are often based on
  ///   models that could generate.
  init(architectures: [String], isSentenceTransformer: Bool) {
    if isSentenceTransformer {
      self = .embedding
    } else if let first = architectures.first {
      self = architectures.lazy.compactMap(Self.known).first ?? .other(first)
    } else {
      self = .unnamed
    }
  }

  private static func known(_ architecture: String) -> ModelKind? {
    func ends(_ suffixes: String...) -> Bool { suffixes.contains { architecture.hasSuffix($0) } }
    if architecture.contains("Whisper") || architecture.contains("Reward") { return nil }
    if ends("ForCausalLM", "LMHeadModel", "ForConditionalGeneration") { return .generation }
    if ends("Classification", "ForQuestionAnswering", "ForSpeechSeq2Seq") { return nil }
    if ends("Model", "ForTextEncoding", "ForMaskedLM", "ForTextEmbedding") { return .embedding }
    return nil
  }
}
