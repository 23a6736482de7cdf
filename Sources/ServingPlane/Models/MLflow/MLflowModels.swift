import LibCrypto
import ModelRegistry
import ServingAPI
import Synchronization

/// The registered models of an MLflow server. A version is looked up when a config with it is accepted, downloaded
/// before the first replica of it starts, and checked before each further one. Once it is complete, it is served
/// without the server.
final class MLflowModels: ModelSource {
  let server: MLflowServer
  let cache: ArtifactCache
  private let queue = VersionQueue()
  private let downloads = Mutex<[ModelVersionID: DownloadProgress]>([:])
  let uses = Mutex(Uses())

  /// - Parameter path: the folder for the versions of all servers.
  init(server: MLflowServer, path: String) {
    self.server = server
    cache = ArtifactCache(path: path + "/" + SHA256.hash(server.url).hexString.prefix(12))
  }

  let isRemote = true

  func version(_ model: String, _ number: Int) throws(ModelError) -> ModelVersion {
    try Self.check(model)
    guard let known = try cache.version(ModelVersionID(model: model, number: number)) else {
      throw ModelError(
        code: .missing, description: "version \(number) of model \"\(model)\" has not been read from MLflow yet")
    }
    return known.version(in: cache.folder(of: known.origin))
  }

  func lookUp(_ model: String, _ number: Int) async throws(ModelError) {
    try Self.check(model)
    let reference = ModelVersionID(model: model, number: number)
    hold([reference])
    defer { release([reference]) }
    try await about(reference) { () async throws(ModelError) in
      let recorded = await known(reference)
      let found: Found
      do throws(ModelError) { found = try await find(reference) } catch {
        if error.code == .unavailable, recorded != nil { return }
        throw error
      }
      if recorded?.origin == found.origin { return }
      _ = try await learn(found)
    }
  }

  func fetch(_ model: String, _ number: Int) async throws(ModelError) {
    try Self.check(model)
    let reference = ModelVersionID(model: model, number: number)
    hold([reference])
    defer { release([reference]) }
    try await queue.run(reference) { [self] () async throws(ModelError) in
      try await about(reference) { () async throws(ModelError) in try await complete(reference) }
    }
  }

  func progress(_ model: String, _ number: Int) -> DownloadProgress? {
    downloads.withLock { $0[ModelVersionID(model: model, number: number)] }
  }

  // MARK: Inside

  private static func check(_ model: String) throws(ModelError) {
    if let finding = ModelName.finding(model) { throw ModelError(code: .invalid, description: finding) }
  }

  /// Returns nil for a damaged record too: it is written again.
  private func known(_ reference: ModelVersionID) async -> CachedVersion? {
    await BlockingWork.brief.run { [cache] in try? cache.version(reference) }
  }

  private func complete(_ reference: ModelVersionID) async throws(ModelError) {
    if Task.isCancelled { throw ModelError(asking: CancellationError()) }
    var version: CachedVersion
    if let recorded = await known(reference) {
      version = recorded
    } else {
      version = try await learn(find(reference))
    }
    let before = version
    if await missing(of: before).isEmpty { return }
    // An upload may have been completed since the version was looked up.
    version.tree = try await tree(of: version.origin.folder)
    let current = version
    let isChanged = current.tree != before.tree
    try await BlockingWork.brief.run { [cache] () throws(ModelError) in
      try cache.prepare(current, isChanged: isChanged)
      if isChanged { try cache.record(current) }
    }
    let left = await missing(of: current)
    let total = current.tree.size
    let report = { @Sendable [self] (received: Int64) in
      downloads.withLock { $0[reference] = DownloadProgress(received: received, total: total) }
    }
    report(total - left.reduce(Int64(0)) { $0 + $1.size })
    defer { downloads.withLock { $0[reference] = nil } }
    try await VersionDownload(server: server, cache: cache, version: current, report: report).run(left)
  }

  private func missing(of version: CachedVersion) async -> [ArtifactTree.File] {
    await BlockingWork.brief.run { [cache] in cache.missing(of: version) }
  }

  /// A version as the server has it now.
  private struct Found {
    let origin: CachedVersion.Origin
    let created: Int64
  }

  private func find(_ reference: ModelVersionID) async throws(ModelError) -> Found {
    let details = try await asking { try await server.details(reference.number, of: reference.model) }
    let found: MLflowVersion
    switch details {
    case .found(let version): found = version
    case .missing(let words):
      throw ModelError(code: .missing, description: words.isEmpty ? "it is not registered" : words)
    }
    try Self.checkStatus(found.version)
    let uri = try await asking { try await server.artifactURI(reference.number, of: reference.model) }
    let folder = try ArtifactFolder.path(uri, server: server.url)
    return Found(
      origin: CachedVersion.Origin(
        model: reference.model, number: reference.number, run: found.run, source: found.source, folder: folder),
      created: found.created)
  }

  private static func checkStatus(_ version: RegisteredVersion) throws(ModelError) {
    let words = version.statusMessage.isEmpty ? "" : " (\(version.statusMessage))"
    switch version.status {
    case .ready: return
    case .pendingRegistration:
      throw ModelError(code: .missing, description: "it is still being registered\(words)")
    case .failedRegistration: throw ModelError(code: .invalid, description: "its registration failed\(words)")
    case .unknown(let word): throw ModelError(code: .invalid, description: "its status is \"\(word)\"\(words)")
    }
  }

  private func tree(of folder: String) async throws(ModelError) -> ArtifactTree {
    try await ArtifactTree { (path: String) async throws(ModelError) -> [MLflowArtifact] in
      try await asking { try await server.artifacts(in: path.isEmpty ? folder : folder + "/" + path) }
    }
  }

  /// The files in a version's folder that say how to serve it.
  private static let instructionFiles: Set = [
    "MLmodel", "config.json", "tokenizer_config.json", "adapter_config.json", "modules.json", "chat_template.jinja",
    "chat_template.json",
  ]
  /// Far larger than any of these files.
  private static let largestInstructions: Int64 = 64 << 20

  /// Reads how to serve a version, and records it.
  private func learn(_ found: Found) async throws(ModelError) -> CachedVersion {
    let tree = try await tree(of: found.origin.folder)
    let folder = cache.folder(of: found.origin)
    try await BlockingWork.brief.run { [cache] () throws(ModelError) in
      try cache.makeFolder(folder)
      for inner in tree.folders where !inner.contains("/") { try cache.makeFolder(folder + "/" + inner) }
    }
    for file in tree.files where Self.instructionFiles.contains(file.path) {
      guard file.size <= Self.largestInstructions else {
        throw ModelError(code: .invalid, description: "\(file.path) has \(file.size) bytes")
      }
      let bytes = try await VersionDownload.contents(of: file, in: found.origin, on: server)
      try await BlockingWork.brief.run { [cache] () throws(ModelError) in
        try cache.write(bytes, to: folder + "/" + file.path)
      }
    }
    return try await BlockingWork.brief.run { [cache] () throws(ModelError) -> CachedVersion in
      let instructions = try Self.instructions(in: folder, tree)
      let version = CachedVersion(
        origin: found.origin, tree: tree, entrypoint: instructions.entrypoint, task: instructions.task,
        isMLflow: instructions.isMLflow, created: found.created)
      try cache.record(version)
      return version
    }
  }

  private static let tasks = ["llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings"]

  /// How a version is served. A LoRA adapter has no command of its own.
  private static func instructions(
    in folder: String, _ tree: ArtifactTree
  ) throws(ModelError) -> (entrypoint: String, task: String, isMLflow: Bool) {
    let names = Set(tree.files.map(\.path))
    let described = try MLmodel(path: folder + "/MLmodel")
    if described?.entrypoint == nil {
      if names.contains("adapter_config.json") { return ("", ServingInstructions.adapterTask, described != nil) }
      guard names.contains("config.json") else {
        let lack = described == nil ? "artifacts have neither an MLmodel file nor a config.json" : noEntrypoint
        throw ModelError(
          code: .invalid,
          description: "its \(lack); log the model with metadata={\"task\": \"llm/v1/chat\", \"entrypoint\": "
            + "\"COMMAND\"}")
      }
    }
    let read = try ServingInstructions(folder: folder, entrypoint: nil, task: nil)
    guard tasks.contains(read.task) else {
      throw ModelError(
        code: .invalid,
        description: "its metadata.task is \"\(read.task)\"; a plane serves \(tasks.joined(separator: ", "))")
    }
    return (read.entrypoint, read.task, read.isMLflow)
  }

  private static let noEntrypoint = "MLmodel file has no metadata.entrypoint"

  private func asking<Value: Sendable>(_ question: () async throws -> Value) async throws(ModelError) -> Value {
    do { return try await question() } catch { throw ModelError(asking: error) }
  }

  /// Names the version in what is thrown.
  private func about(
    _ reference: ModelVersionID, _ body: () async throws(ModelError) -> Void
  ) async throws(ModelError) {
    do throws(ModelError) { try await body() } catch {
      throw ModelError(
        code: error.code,
        description: "version \(reference.number) of model \"\(reference.model)\" on the MLflow server \(server.url): "
          + error.description)
    }
  }
}

/// Lets one task at a time work on a version.
private actor VersionQueue {
  private var queues: [ModelVersionID: ChangeQueue] = [:]

  func run(
    _ reference: ModelVersionID, _ body: @Sendable () async throws(ModelError) -> Void
  ) async throws(ModelError) {
    let queue = queues[reference] ?? ChangeQueue()
    queues[reference] = queue
    try await queue.run(body)
  }
}
