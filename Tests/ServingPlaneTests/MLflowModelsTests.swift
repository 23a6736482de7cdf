import FoundationEssentials
import Testing

@testable import ServingPlane

/// Versions of an MLflow server on a plane's disk.
struct MLflowModelsTests {
  private let data = TestData()
  private let stub = MLflowStub()

  private var models: MLflowModels { MLflowModels(server: stub.server, path: data.path + "/mlflow") }

  private func text(_ file: String) throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

  private static let weights = "artifacts/m/model.safetensors"

  /// What is thrown while version 1 is looked up and downloaded.
  private func failure(of models: MLflowModels? = nil) async -> ModelError? {
    let models = models ?? self.models
    do throws(ModelError) {
      try await models.lookUp("hello", 1)
      try await models.fetch("hello", 1)
      return nil
    } catch {
      return error
    }
  }

  @Test func `a version is served as its MLmodel says, from the artifacts that were downloaded`() async throws {
    stub.add(1)
    let models = models
    try await models.lookUp("hello", 1)
    let version = try models.version("hello", 1)
    #expect(version.task == "llm/v1/chat")
    #expect(version.entrypoint.hasSuffix("--model m --served-model-name m --port 8000"))
    #expect(stub.downloads == ["MLmodel"], "the weights are not needed to accept a config")

    try await models.fetch("hello", 1)
    #expect(version.artifacts.hasSuffix("/artifacts"))
    #expect(try text(version.artifacts + "/m/model.safetensors") == "weights")
    #expect(try text(version.artifacts + "/m/empty").isEmpty)
    #expect(models.progress("hello", 1) == nil)
  }

  @Test func `artifacts without an MLmodel are explained`() async {
    stub.add(1, mlmodel: nil)
    let failure = await failure()
    #expect(failure?.code == .invalid)
    #expect(
      failure?.description.contains("its artifacts have neither an MLmodel file nor a config.json; log the model with")
        == true, "\(failure?.description ?? "")")
  }

  @Test func `a folder with a config.json needs no MLmodel, and vLLM serves it`() async throws {
    stub.add(1, files: ["config.json": #"{"architectures": ["LlamaForCausalLM"]}"#, "model.safetensors": "weights"])
    let failure = await failure()
    #expect(failure == nil)
    let version = try models.version("hello", 1)
    #expect(version.entrypoint == HuggingFaceFolder.entrypoint && version.task == "llm/v1/completions")
    #expect(try text(version.artifacts + "/model.safetensors") == "weights")
  }

  @Test func `a LoRA adapter is a version without a command`() async throws {
    stub.add(1, files: ["adapter_config.json": #"{"r": 8}"#, "adapter_model.safetensors": "weights"])
    let failure = await failure()
    #expect(failure == nil)
    let version = try models.version("hello", 1)
    #expect(version.isAdapter)
    let adapter = try LoRAAdapter(folder: version.artifacts)
    #expect(adapter?.rank == 8)
  }

  @Test func `a download that breaks off continues where it stopped`() async throws {
    stub.add(1, weights: "0123456789")
    stub.breakOff(Self.weights, after: 4, 3)
    let models = models
    try await models.lookUp("hello", 1)
    try await models.fetch("hello", 1)
    #expect(
      stub.downloads.filter { $0.hasPrefix(Self.weights) } == [
        Self.weights, Self.weights + " from bytes=4-", Self.weights + " from bytes=7-",
      ])
    #expect(try text(models.version("hello", 1).artifacts + "/m/model.safetensors") == "0123456789")
  }

  @Test func `what is complete is kept, also by the next plane, and whole files are taken if parts are not sent`()
    async throws
  {
    stub.add(1, weights: "0123456789")
    stub.sendWholeFiles()
    stub.breakOff(Self.weights, after: 4, 4, 4)
    let failure = await failure()
    #expect(failure?.code == .unavailable)
    #expect(
      failure?.description.contains("\(Self.weights) cannot be downloaded") == true, "\(failure?.description ?? "")")
    let before = stub.downloads.count
    let next = models
    try await next.fetch("hello", 1)
    #expect(stub.downloads.dropFirst(before) == [Self.weights + " from bytes=4-"])
    #expect(try text(next.version("hello", 1).artifacts + "/m/model.safetensors") == "0123456789")
  }

  @Test func `a file of another size than listed is refused, until the server has the right one`() async throws {
    stub.add(1)
    for (listed, sent) in [(Int64(9), "9 bytes and sends 7"), (3, "3 bytes and sends more")] {
      stub.list(Self.weights, size: listed)
      let failure = await failure()
      #expect(failure?.code == .missing)
      #expect(
        failure?.description.contains("\(Self.weights) has the wrong size: the server lists \(sent)") == true,
        "\(failure?.description ?? "")")
    }
    stub.list(Self.weights, size: nil)
    let repaired = await failure()
    #expect(repaired == nil)
  }

  @Test func `a damaged or missing file is downloaded again before a replica starts`() async throws {
    stub.add(1)
    let models = models
    try await models.lookUp("hello", 1)
    try await models.fetch("hello", 1)
    let file = try models.version("hello", 1).artifacts + "/m/model.safetensors"
    try Data("half".utf8).write(to: URL(filePath: file))
    try await models.fetch("hello", 1)
    #expect(try text(file) == "weights")
    try FileManager.default.removeItem(atPath: file)
    try await models.fetch("hello", 1)
    #expect(try text(file) == "weights")
    #expect(stub.downloads.filter { $0 == "artifacts/m/config.json" }.count == 1, "the others are kept")
  }

  @Test func `a complete version is served while the server is down, and another one is not`() async throws {
    stub.add(1)
    _ = await failure()
    stub.setDown(true)
    let known = await failure()
    #expect(known == nil)
    let other = await #expect(throws: ModelError.self) { try await models.lookUp("hello", 2) }
    #expect(other?.code == .unavailable)
    #expect(
      other?.description.hasPrefix("version 2 of model \"hello\" on the MLflow server http://mlflow:5000: ") == true,
      "\(other?.description ?? "")")
  }

  @Test func `refused credentials are reported, and never shown`() async {
    stub.add(1)
    stub.refuse(with: 401)
    let failure = await failure()
    #expect(failure?.code == .unavailable)
    let words = failure?.description ?? ""
    #expect(words.contains("HTTP 401") && words.contains("check the credentials in MLFLOW_TRACKING_TOKEN"), "\(words)")
    #expect(!words.contains(MLflowStub.token))
    if let failure { #expect(ReplicaFailure(failure).isWorthRepeating) }
  }

  @Test(arguments: [
    (MLflowStub.mlmodel(task: "text-generation"), "its metadata.task is \"text-generation\"; a plane serves"),
    (MLflowStub.mlmodel(entrypoint: nil), "its MLmodel file has no metadata.entrypoint; log the model with"),
    (MLflowStub.mlmodel(entrypoint: "bash -c 'vllm serve m'"), "the entrypoint cannot be run"),
  ])
  func `an MLmodel that cannot be served is explained`(mlmodel: String, words: String) async {
    stub.add(1, mlmodel: mlmodel)
    let failure = await failure()
    #expect(failure?.code == .invalid)
    #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
  }

  @Test(arguments: ["../evil", "..", "/tmp/evil", "a/b", "a\\b", "", "evil\n"])
  func `a list that names a place outside the version's folder is refused`(name: String) async {
    stub.add(1)
    stub.listFurther(name)
    let failure = await failure()
    #expect(failure?.code == .invalid)
    #expect(failure?.description.contains("the list of its artifacts is refused") == true)
    #expect(stub.downloads.isEmpty)
  }

  @Test func `artifacts that the server does not pass on are explained`() async {
    stub.add(1)
    stub.keepArtifacts(in: "s3:/")
    let failure = await failure()
    let words = "its artifacts are in s3 storage, which the MLflow server does not pass on"
    #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
  }

  @Test func `artifacts on another server are not read with this server's credentials`() async {
    stub.add(1)
    stub.keepArtifacts(in: "mlflow-artifacts://elsewhere:5000")
    let failure = await failure()
    #expect(
      failure?.description.contains("its artifacts are on another server (elsewhere:5000)") == true,
      "\(failure?.description ?? "")")
  }

  @Test func `a number that was given to another run is another version`() async throws {
    stub.add(1, weights: "before")
    let models = models
    _ = await failure(of: models)
    let before = try models.version("hello", 1).artifacts
    stub.add(1, weights: "after", run: "another")
    _ = await failure(of: models)
    let after = try models.version("hello", 1).artifacts
    #expect(before != after)
    #expect(try text(after + "/m/model.safetensors") == "after")
    #expect(try text(before + "/m/model.safetensors") == "before", "a replica may still use it")
  }

  @Test func `a name that could lead out of the folder is refused`() async {
    for name in ["../hello", "a/b", ""] {
      await #expect(throws: ModelError.self) { try await models.lookUp(name, 1) }
      await #expect(throws: ModelError.self) { try await models.fetch(name, 1) }
      #expect(throws: ModelError.self) { try models.version(name, 1) }
    }
    #expect(stub.downloads.isEmpty)
  }

  @Test(arguments: [
    (DownloadProgress(received: 1_240_000_000, total: 4_610_000_000), "downloading model (1.2 of 4.6 GB)"),
    (DownloadProgress(received: 0, total: 42_000_000), "downloading model (0.0 of 42 MB)"),
    (DownloadProgress(received: 3, total: 7), "downloading model (3 of 7 bytes)"),
    (DownloadProgress(received: 9, total: 7), "downloading model (7 of 7 bytes)"),
  ])
  func `progress is shown in the units of the whole`(progress: DownloadProgress, words: String) {
    #expect(progress.description == words)
  }
}
