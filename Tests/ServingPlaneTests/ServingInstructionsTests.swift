import FoundationEssentials
import Testing

@testable import ServingPlane

/// Folders of weights that are registered without serving instructions.
@Suite struct ServingInstructionsTests {
  private let data = TestData()
  private var directory: ModelDirectory { ModelDirectory(path: data.path + "/models", now: { 0 }) }

  private func folder(_ files: [String: String]) throws -> String {
    let path = data.path + "/src"
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: path + "/" + name)) }
    return path
  }

  private static func config(_ architecture: String) -> String { #"{"architectures": ["\#(architecture)"]}"# }

  @Test(arguments: [
    ("LlamaForCausalLM", "llm/v1/chat"), ("Qwen2_5_VLForConditionalGeneration", "llm/v1/chat"),
    ("GPT2LMHeadModel", "llm/v1/chat"), ("BertModel", "llm/v1/embeddings"),
    ("XLMRobertaForMaskedLM", "llm/v1/embeddings"),
  ])
  func `a folder with a config.json needs no entrypoint, and its architecture determines the task`(
    architecture: String, task: String
  ) throws {
    let path = try folder([
      "config.json": Self.config(architecture), "tokenizer_config.json": #"{"chat_template": "{{ x }}"}"#,
    ])
    let version = try directory.register("m", from: path)
    #expect(version.entrypoint == "python -m vllm.entrypoints.openai.api_server --model .")
    #expect(version.task == task)
  }

  @Test(arguments: [
    (["tokenizer_config.json": "{}"], "llm/v1/completions"), ([:], "llm/v1/completions"),
    (["chat_template.jinja": "{{ x }}"], "llm/v1/chat"), (["modules.json": "[]"], "llm/v1/embeddings"),
    (["tokenizer_config.json": #"{"chat_template": [{"name": "default", "template": "x"}]}"#], "llm/v1/chat"),
  ])
  func `a model without a chat template serves completions, and a sentence transformer serves embeddings`(
    files: [String: String], task: String
  ) throws {
    let path = try folder(files.merging(["config.json": Self.config("Qwen3ForCausalLM")]) { $1 })
    #expect(try directory.register("m", from: path).task == task)
  }

  @Test(arguments: [
    (["config.json": config("BertForSequenceClassification")], "BertForSequenceClassification"),
    (["config.json": config("Qwen2ForRewardModel")], "Qwen2ForRewardModel"),
    (["config.json": config("WhisperForConditionalGeneration")], "WhisperForConditionalGeneration"),
    (["config.json": "{}"], "names no architectures"), (["config.json": "{"], "config.json cannot be read"),
    (["weights.bin": "x"], "has neither an MLmodel file nor a config.json"), ([:], " is empty"),
    (["adapter_config.json": "{}"], "no valid rank (r)"),
    (["adapter_config.json": "{"], "adapter_config.json cannot be read"),
    (["adapter_config.json": #"{"r": 8}"#], "adapter_model.safetensors is missing"),
    (["adapter_config.json": #"{"r": 8}"#, "config.json": config("LlamaForCausalLM")], "LoRA adapter"),
  ])
  func `a folder that cannot be served without an entrypoint is refused with what to do`(
    files: [String: String], words: String
  ) throws {
    let path = try folder(files)
    #expect { try directory.register("m", from: path) } throws: {
      ($0 as? ModelError)?.code == .invalid && "\($0)".contains(words)
    }
    #expect(directory.models() == [])
  }

  @Test func `a LoRA adapter is registered without an entrypoint, and has no task of its own`() throws {
    let path = try folder(["adapter_config.json": #"{"peft_type": "LORA", "r": 8}"#, "adapter_model.safetensors": "x"])
    let version = try directory.register("tone", from: path)
    #expect(version.isAdapter && version.task == "lora-adapter")
    #expect(try directory.version("tone", 1) == version)
    #expect { try directory.register("tone", from: path, task: "llm/v1/chat") } throws: {
      "\($0)".contains("omit --task")
    }
  }

  @Test func `a parent of the model's folder is refused with the folder to register`() throws {
    let path = try folder([:])
    try FileManager.default.createDirectory(atPath: path + "/hello", withIntermediateDirectories: true)
    try Data(Self.config("LlamaForCausalLM").utf8).write(to: URL(filePath: path + "/hello/config.json"))
    #expect { try directory.register("m", from: path) } throws: {
      "\($0)".contains("/hello has a config.json: register that one")
    }
  }

  @Test func `given instructions take precedence over the folder's own`() throws {
    let path = try folder(["config.json": Self.config("BertForSequenceClassification")])
    #expect(try directory.register("m", from: path, task: "llm/v1/embeddings").task == "llm/v1/embeddings")
    #expect(try directory.register("m", from: path, entrypoint: "python serve.py").entrypoint == "python serve.py")
  }

  @Test(arguments: ["--enable-lora", "--lora-modules tone=adapters/tone", "--lora_modules=tone=adapters/tone"])
  func `an entrypoint may serve adapters besides the model`(flag: String) throws {
    let path = try folder(["config.json": Self.config("LlamaForCausalLM")])
    #expect(try directory.register("m", from: path, entrypoint: "vllm serve . \(flag)").entrypoint.hasSuffix(flag))
  }
}
