import CanonicalJSON
import LibCurl
import ModelRegistry
import ServingAPI
import Synchronization

@testable import ServingPlane

/// An MLflow server with one registered model, `hello`, and an artifact proxy, below the real client.
final class MLflowStub: Sendable {
  private struct State {
    /// The files of each version, by path in its folder.
    var versions: [Int: [String: [UInt8]]] = [:]
    /// The run of each version.
    var runs: [Int: String] = [:]
    var aliases: [String: Int] = [:]
    /// Sizes that are listed instead of the real ones, by path.
    var listedSizes: [String: Int64] = [:]
    /// Further names in the list of a version's folder.
    var furtherNames: [String] = []
    /// After how many bytes the next transfers of a file break off, by path.
    var breaks: [String: [Int]] = [:]
    var scheme = "mlflow-artifacts:"
    /// The error status of every response; nil for none.
    var status: Int?
    var isDown = false
    var sendsParts = true
    var requests: [HTTPRequest] = []
    var onDownload: @Sendable (String) async -> Void = { _ in }
  }

  private let state = Mutex(State())

  static let url = "http://mlflow:5000"
  static let token = "hidden-token"

  static func mlmodel(
    task: String = "llm/v1/chat",
    entrypoint: String? = "python -m vllm.entrypoints.openai.api_server --model m --served-model-name m --port 8000"
  ) -> String {
    let command = entrypoint.map { "  entrypoint: \($0)\n" } ?? ""
    return "artifact_path: model\nmetadata:\n\(command)  task: \(task)\n"
  }

  // MARK: For tests

  /// Registers a version, whose weights are these.
  func add(_ number: Int, weights: String = "weights", run: String? = nil, mlmodel: String? = MLflowStub.mlmodel()) {
    var files = ["artifacts/m/model.safetensors": weights, "artifacts/m/config.json": "{}", "artifacts/m/empty": ""]
    if let mlmodel { files["MLmodel"] = mlmodel }
    add(number, files: files, run: run)
  }

  /// Registers a version with these files, by path.
  func add(_ number: Int, files: [String: String], run: String? = nil) {
    state.withLock { state in
      state.versions[number] = files.mapValues { Array($0.utf8) }
      state.runs[number] = run ?? "run-\(number)"
    }
  }

  func setAlias(_ alias: String, _ number: Int) { state.withLock { $0.aliases[alias] = number } }
  func list(_ file: String, size: Int64?) { state.withLock { $0.listedSizes[file] = size } }
  func listFurther(_ name: String) { state.withLock { $0.furtherNames.append(name) } }
  func breakOff(_ file: String, after bytes: Int...) { state.withLock { $0.breaks[file] = bytes } }
  func refuse(with status: Int?) { state.withLock { $0.status = status } }
  func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }
  func sendWholeFiles() { state.withLock { $0.sendsParts = false } }
  func keepArtifacts(in scheme: String) { state.withLock { $0.scheme = scheme } }
  func onDownload(_ action: @escaping @Sendable (String) async -> Void) { state.withLock { $0.onDownload = action } }

  /// The downloads so far: the file, and where the transfer was to start if not at the beginning.
  var downloads: [String] {
    state.withLock { $0.requests }.compactMap { request in
      guard let file = Self.split(request.url).path.components(after: "/api/2.0/mlflow-artifacts/artifacts/") else {
        return nil
      }
      let range = request.headers.first { $0.name == "Range" }.map { " from \($0.value)" } ?? ""
      return (file.components(after: "/artifacts/model/") ?? file) + range
    }
  }

  var server: MLflowServer {
    MLflowServer(
      url: Self.url, source: "--registry", credentials: .token(Secret(Self.token)), version: "test",
      transport: { try await self.respond(to: $0) }, timing: .system,
      retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
  }

  // MARK: Responses

  private func respond(to request: HTTPRequest) async throws -> APIResponse {
    let now = state.withLock { state -> State in
      state.requests.append(request)
      return state
    }
    if now.isDown {
      throw HTTPClientError(code: .connect, message: "Connection refused", method: "GET", url: Self.url)
    }
    if let status = now.status { return Self.error(status, "UNAUTHENTICATED", "who are you, \(Self.token)?") }
    let (path, query) = Self.split(request.url)
    switch path {
    case "/api/2.0/mlflow/model-versions/get": return version(Int(query["version"] ?? ""), now)
    case "/api/2.0/mlflow/registered-models/alias": return version(now.aliases[query["alias"] ?? ""], now)
    case "/api/2.0/mlflow/model-versions/get-download-uri":
      return Self.json(["artifact_uri": .string("\(now.scheme)/0/v\(query["version"] ?? "")/artifacts/model")])
    case "/api/2.0/mlflow/model-versions/search":
      return Self.json(["model_versions": .array(now.versions.keys.sorted().map { Self.described($0, now) })])
    case "/api/2.0/mlflow/registered-models/get": return Self.json(["registered_model": Self.model(now)])
    case "/api/2.0/mlflow/registered-models/search": return Self.json(["registered_models": .array([Self.model(now)])])
    case "/api/2.0/mlflow-artifacts/artifacts": return listing(query["path"] ?? "", now)
    default:
      guard let file = path.components(after: "/api/2.0/mlflow-artifacts/artifacts/") else {
        return Self.error(404, "ENDPOINT_NOT_FOUND", "no such path")
      }
      return await contents(file, request)
    }
  }

  private func version(_ number: Int?, _ now: State) -> APIResponse {
    guard let number, now.versions[number] != nil else {
      return Self.error(404, "RESOURCE_DOES_NOT_EXIST", "Model Version not found")
    }
    return Self.json(["model_version": Self.described(number, now)])
  }

  private static func described(_ number: Int, _ now: State) -> JSONValue {
    [
      "name": "hello", "version": .string(String(number)), "status": "READY", "run_id": .string(now.runs[number] ?? ""),
      "source": .string("runs:/\(now.runs[number] ?? "")/model"), "creation_timestamp": 1_700_000_000_000,
    ]
  }

  private static func model(_ now: State) -> JSONValue {
    let aliases = now.aliases.sorted { $0.key < $1.key }.map { name, number -> JSONValue in
      ["alias": .string(name), "version": .string(String(number))]
    }
    return ["name": "hello", "aliases": .array(aliases)]
  }

  private func listing(_ folder: String, _ now: State) -> APIResponse {
    let parts = folder.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 4, let number = Int(parts[1].dropFirst()), let files = now.versions[number] else {
      return Self.json([:])
    }
    let inner = parts.count > 4 ? parts[4] + "/" : ""
    var items: [String: JSONValue] = [:]
    for (path, bytes) in files where path.hasPrefix(inner) {
      let rest = path.dropFirst(inner.count)
      let name = String(rest.prefix { $0 != "/" })
      let size = now.listedSizes[path] ?? Int64(bytes.count)
      var item: [String: JSONValue] = ["path": .string(name), "is_dir": .bool(rest.contains("/"))]
      // MLflow omits the size of an empty file.
      if size > 0, !rest.contains("/") { item["file_size"] = .int(size) }
      items[name] = .object(item)
    }
    if inner.isEmpty {
      for name in now.furtherNames { items[name] = ["path": .string(name), "is_dir": false, "file_size": 1] }
    }
    return Self.json(["files": .array(items.sorted { $0.key < $1.key }.map(\.value))])
  }

  private func contents(_ path: String, _ request: HTTPRequest) async -> APIResponse {
    let parts = path.split(separator: "/", maxSplits: 4).map(String.init)
    let file = parts.count > 4 ? parts[4] : ""
    let onDownload = state.withLock { $0.onDownload }
    await onDownload(file)
    let (bytes, sendsParts, end) = state.withLock { state -> ([UInt8]?, Bool, Int?) in
      let number = parts.count > 1 ? Int(parts[1].dropFirst()) : nil
      let end = state.breaks[file]?.isEmpty == false ? state.breaks[file]?.removeFirst() : nil
      return (number.flatMap { state.versions[$0]?[file] }, state.sendsParts, end)
    }
    guard let bytes else { return Self.error(404, "RESOURCE_DOES_NOT_EXIST", "No such artifact") }
    var start = 0
    if sendsParts, let range = request.headers.first(where: { $0.name == "Range" })?.value {
      start = Int(range.dropFirst("bytes=".count).dropLast()) ?? 0
    }
    let rest = Array(bytes.dropFirst(start))
    let headers = start > 0 ? [HTTPField("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")] : []
    return APIResponse(
      status: start > 0 ? 206 : 200, headers: HTTPHeaders(headers), effectiveURL: request.url,
      body: Self.body(end.map { Array(rest.prefix($0)) } ?? rest, isWhole: end == nil))
  }

  private static func body(_ bytes: [UInt8], isWhole: Bool) -> AsyncThrowingStream<[UInt8], any Error> {
    let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
    continuation.yield(bytes)
    continuation.finish(
      throwing: isWhole
        ? nil
        : HTTPClientError(
          code: .connectionLost, message: "the connection was reset", method: "GET", url: url,
          requestMayHaveBeenSent: true))
    return stream
  }

  private static func json(_ value: JSONValue, status: Int = 200) -> APIResponse {
    APIResponse(status: status, body: body(value.bytes(), isWhole: true))
  }

  private static func error(_ status: Int, _ code: String, _ message: String) -> APIResponse {
    json(["error_code": .string(code), "message": .string(message)], status: status)
  }

  private static func split(_ url: String) -> (path: String, query: [String: String]) {
    let parts = url.dropFirst(Self.url.count).split(separator: "?", maxSplits: 1).map(String.init)
    var query: [String: String] = [:]
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let words = pair.split(separator: "=", maxSplits: 1).map { PercentEncoding.decode(String($0)) }
      if words.count == 2 { query[words[0]] = words[1] }
    }
    return (PercentEncoding.decode(parts.first ?? ""), query)
  }
}

extension String {
  /// What follows the first occurrence of a text; nil if there is none.
  fileprivate func components(after text: String) -> String? {
    firstRange(of: text).map { String(self[$0.upperBound...]) }
  }
}
