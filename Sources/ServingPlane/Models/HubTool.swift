import Endpoints
import FoundationEssentials
import Subprocess

/// Downloads models with `hf`, the hub's own tool: the one of vLLM's Python environment, or else the one on PATH.
struct HubTool: Sendable {
  /// The plane's interpreter; nil for the one on PATH.
  let interpreter: String?
  /// The plane's environment.
  let environment: [String: String]
  let secrets: SecretFolder

  private struct Outcome: Sendable {
    let isSuccess: Bool
    let errors: String
  }

  /// How often the progress is measured.
  private static let interval: Duration = .seconds(1)
  private static let variable = "HF_TOKEN"
  /// The secret with the token, unless the plane's environment has one.
  private static let secret = "{{secrets/hf/token}}"

  /// Downloads a model, or the rest of it if an earlier download broke off.
  ///
  /// - Parameters:
  ///   - cache: the folder of the cache; kept if the download fails.
  ///   - registration: gets the progress, and may be canceled.
  func download(
    _ model: HubModel, to cache: String, for registration: ModelRegistration
  ) async throws(ModelError) -> HubSnapshot {
    let variables = try variables()
    let outcome: Outcome?
    do {
      outcome = try await withThrowingTaskGroup(of: Outcome?.self) { group in
        group.addTask { try await Self.launch(model.arguments(cache: cache), variables) }
        group.addTask {
          while !registration.isCancelled {
            registration.setProgress(await BlockingWork.folders.run { FolderSize(of: cache).bytes }, of: nil)
            try await Task.sleep(for: Self.interval)
          }
          return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
      }
    } catch let error as SubprocessError {
      throw failure(error)
    } catch {
      throw await canceled(model, in: cache)
    }
    guard let outcome, !registration.isCancelled else { throw await canceled(model, in: cache) }
    guard outcome.isSuccess else {
      let errors = HubToolErrors(
        Redaction([variables[Self.variable]].compactMap(\.self)).applied(to: outcome.errors))
      let kept =
        await hasFiles(model, in: cache)
        ? "; what was downloaded is kept, so registering it again continues from there" : ""
      throw ModelError(
        code: errors.code, description: "hf could not download \(model.text): \(errors.lastWords)\(kept)")
    }
    return try model.snapshot(in: cache)
  }

  /// Refuses a download if there is no tool. Blocks on the disk.
  func check() throws(ModelError) {
    let path = try variables()["PATH"] ?? ""
    guard ProcessSpawn.find("hf", path: path, directory: "/") != nil else { throw Self.missingTool }
  }

  private static let missingTool = ModelError(
    code: .invalid,
    description: "hf is neither next to the plane's Python nor on PATH; install huggingface_hub in the environment of "
      + "vLLM")

  private func hasFiles(_ model: HubModel, in cache: String) async -> Bool {
    await BlockingWork.folders.run { model.hasFiles(in: cache) }
  }

  private func canceled(_ model: HubModel, in cache: String) async -> ModelError {
    let kept =
      await hasFiles(model, in: cache)
      ? "what was downloaded of \(model.text) is kept: registering it again continues from there, and "
        + "\"setpoint models gc\" removes it" : "nothing was downloaded"
    return ModelError(code: .cancelled, description: "the registration was canceled; \(kept)")
  }

  private func failure(_ error: SubprocessError) -> ModelError {
    error.code == .executableNotFound
      ? Self.missingTool : ModelError(code: .storage, description: "hf cannot be run: \(error)")
  }

  private static func launch(_ arguments: [String], _ environment: [String: String]) async throws -> Outcome {
    var options = PlatformOptions()
    // Its workers are in its process group and end with it. A download that is cut off can be resumed.
    options.createSession = true
    options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
    let variables = Dictionary(
      uniqueKeysWithValues: environment.map { (Subprocess.Environment.Key(stringLiteral: $0.key), $0.value) })
    let result = try await Subprocess.run(
      .name("hf"), arguments: Arguments(arguments), environment: .custom(variables), platformOptions: options,
      output: .discarded, error: .string(limit: 4 << 20))
    return Outcome(isSuccess: result.terminationStatus.isSuccess, errors: result.standardError)
  }

  private func variables() throws(ModelError) -> [String: String] {
    var variables = ReplicaEnvironment.passedOn(environment)
    // Replicas may be told to stay offline; this is a request to download.
    variables["HF_HUB_OFFLINE"] = nil
    variables["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    variables["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
    variables["NO_COLOR"] = "1"
    variables[Self.variable] = try token()
    let path = environment["PATH"] ?? "/usr/bin:/bin"
    let neighbors = [interpreter, "vllm"].compactMap { program -> String? in
      guard let program, let whole = ProcessSpawn.find(program, path: path, directory: "/") else { return nil }
      return whole.lastIndex(of: "/").map { String(whole[..<$0]) }
    }
    variables["PATH"] = (neighbors + [path]).joined(separator: ":")
    return variables
  }

  private func token() throws(ModelError) -> String? {
    if let token = environment[Self.variable], !token.isEmpty { return token }
    do {
      return try secrets.resolve([Self.variable: Self.secret])[Self.variable]
    } catch {
      guard !error.isMissing else { return nil }
      throw ModelError(code: .invalid, description: error.description)
    }
  }
}
