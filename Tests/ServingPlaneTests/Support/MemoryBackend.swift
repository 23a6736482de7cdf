import CanonicalJSON
import Gateway
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Telemetry

@testable import ServingPlane

/// A backend without processes. Its replicas are entries in a table, and one HTTP server answers for all of them.
final class MemoryBackend: ReplicaBackend {
  /// A running replica. It can be found by its unit, which only its handle names.
  struct Unit: Sendable {
    let replica: String
    var exit: ProcessExit?
    var violation: ReplicaFailure?
    /// Whether the handle says where it runs, which is only known some time after its start.
    var isScheduled = false
  }

  private struct State {
    /// Of the server that answers for all replicas.
    var port = 0
    /// By name.
    var units: [String: Unit] = [:]
    var starts = 0
    var terminated: [String] = []
    var logs: [String: String] = [:]
    /// The most replicas that ever ran at once.
    var peak = 0
    /// Why no replica can start; nil if one can.
    var refusal: ReplicaFailure?
    /// The only model version that cannot; nil for all.
    var refusedVersion: Int?
    var onToken: @Sendable () -> Void = {}
    /// How many requests for tokens are refused next.
    var refusedTokens = 0
    /// Whether no engine is healthy yet.
    var isLoading = false
    /// What every engine reports about itself.
    var metrics = "vllm:num_requests_running 0\n"
    var onFind: @Sendable () async -> Void = {}
  }

  private let state = Mutex(State())

  // MARK: For tests

  /// The replicas that run, sorted.
  var running: [String] { state.withLock { $0.units.values.filter { $0.exit == nil }.map(\.replica).sorted() } }
  /// The replicas of which anything is left, sorted.
  var remaining: [String] { state.withLock { $0.units.values.map(\.replica).sorted() } }
  /// How often a replica was started.
  var starts: Int { state.withLock { $0.starts } }
  /// The most replicas that ever ran at once.
  var peak: Int { state.withLock { $0.peak } }
  /// The replicas that were asked to shut down.
  var terminated: [String] { state.withLock { $0.terminated } }
  /// The replicas whose log is kept, sorted.
  var logged: [String] { state.withLock { $0.logs.keys.sorted() } }

  /// Lets a replica exit by itself, with these last words.
  func exit(_ replica: String, with exit: ProcessExit, saying words: String = "") {
    state.withLock { state in
      state.logs[replica, default: ""] += words
      for (name, unit) in state.units where unit.replica == replica { state.units[name]?.exit = exit }
    }
  }

  func violate(_ replica: String, _ failure: ReplicaFailure) {
    state.withLock { state in
      for (name, unit) in state.units where unit.replica == replica { state.units[name]?.violation = failure }
    }
  }

  /// Adds a replica that no record names.
  func addStray(_ replica: String) { state.withLock { $0.units["stray-" + replica] = Unit(replica: replica) } }

  /// Refuses to start replicas, only of one model version if there is one given, until it is called with nil.
  func refuse(_ failure: ReplicaFailure?, version: Int? = nil) {
    state.withLock { state in
      state.refusal = failure
      state.refusedVersion = version
    }
  }

  /// Keeps every engine from becoming healthy, until it is called with false.
  func setLoading(_ isLoading: Bool) { state.withLock { $0.isLoading = isLoading } }

  /// Calls this before each token that is generated.
  func onToken(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.onToken = action } }

  /// Refuses as many requests for tokens as an engine that shuts down.
  func refuseTokens(_ count: Int) { state.withLock { $0.refusedTokens = count } }

  /// Performs this before replicas are found again, while the plane starts.
  func onFind(_ action: @escaping @Sendable () async -> Void) { state.withLock { $0.onFind = action } }

  /// The port of the server that answers for all replicas.
  var port: Int { state.withLock { $0.port } }

  /// Lets every engine report this about itself.
  func report(_ metrics: String) { state.withLock { $0.metrics = metrics } }

  /// Lets a replica write.
  func write(_ text: String, as replica: String) { state.withLock { $0.logs[replica, default: ""] += text } }

  // MARK: The backend

  let accelerators = Accelerators.none

  func place(
    _ id: String, _ launch: LaunchConfig, _ version: ModelVersion?, beside others: [ReplicaRecord]
  ) async -> ReplicaPlacement {
    let port = state.withLock { $0.port }
    return ReplicaPlacement(address: .tcp(host: "127.0.0.1", port: port), devices: [], handle: ReplicaHandle())
  }

  func start(_ record: ReplicaRecord, _ model: ReplicaModel) async throws(ReplicaFailure) -> any RunningReplica {
    let refusal = state.withLock { state -> ReplicaFailure? in
      let isMeant = state.refusedVersion == nil || state.refusedVersion == record.launch.version
      return isMeant ? state.refusal : nil
    }
    if let refusal { throw refusal }
    let name = state.withLock { state -> String in
      state.starts += 1
      let name = "unit-\(state.starts)"
      state.units[name] = Unit(replica: record.id)
      state.peak = max(state.peak, state.units.values.count { $0.exit == nil })
      state.logs[record.id] = "INFO Starting to load model m\n"
      return name
    }
    return MemoryReplica(backend: self, name: name)
  }

  func find(_ records: [ReplicaRecord]) async -> [String: any RunningReplica] {
    let onFind = state.withLock { $0.onFind }
    await onFind()
    var running: [String: any RunningReplica] = [:]
    for record in records {
      guard let name = record.handle.members["unit"]?.stringValue, let found = unit(name), found.exit == nil else {
        continue
      }
      running[record.id] = MemoryReplica(backend: self, name: name)
    }
    return running
  }

  func end(_ record: ReplicaRecord) async {
    guard let name = record.handle.members["unit"]?.stringValue else { return }
    change(name) { $0 = nil }
  }

  func sweep(keeping known: Set<String>) async -> Int {
    state.withLock { state -> Int in
      let strays = state.units.filter { !known.contains($0.value.replica) }.map(\.key)
      for name in strays { state.units[name] = nil }
      return strays.count
    }
  }

  func log(of record: ReplicaRecord, _ part: ReplicaLogPart) async -> String {
    state.withLock { $0.logs[record.id] ?? "" }
  }

  func newOutput(of record: ReplicaRecord, after position: LogPosition?) async -> ReplicaOutput? {
    let read = state.withLock { state -> (lines: [String], end: Int)? in
      let bytes = Array((state.logs[record.id] ?? "").utf8)
      let rest = bytes.dropFirst(Int(position?.offset ?? 0))
      guard let end = record.ended == nil ? rest.lastIndex(of: 10).map({ $0 + 1 }) : rest.endIndex, !rest.isEmpty else {
        return nil
      }
      return (String(decoding: rest[..<end], as: UTF8.self).split(separator: "\n").map(String.init), end)
    }
    return read.map { ReplicaOutput(lines: $0.lines, position: LogPosition(inode: 1, offset: Int64($0.end))) }
  }

  func removeLog(of id: String, _ handle: ReplicaHandle?) async { state.withLock { $0.logs[id] = nil } }

  // MARK: Inside

  fileprivate func unit(_ name: String) -> Unit? { state.withLock { $0.units[name] } }

  fileprivate func change(_ name: String, _ change: (inout Unit?) -> Void) {
    state.withLock { change(&$0.units[name]) }
  }

  fileprivate func listen(on port: Int) { state.withLock { $0.port = port } }

  fileprivate func terminate(_ name: String) {
    state.withLock { state in
      guard let unit = state.units[name] else { return }
      state.terminated.append(unit.replica)
      state.units[name]?.exit = unit.exit ?? .code(0)
    }
  }

  /// The answers of an engine that is healthy once it has loaded, and generates a token for every request.
  fileprivate func answer(_ request: Request) async throws -> Response {
    for try await _ in request.body {}
    switch request.uri.path {
    case "/health":
      let isLoading = state.withLock { $0.isLoading }
      return isLoading ? Response(status: .serviceUnavailable) : Self.response("")
    case "/v1/models": return Self.response(#"{"object": "list", "data": [{"id": "m", "object": "model"}]}"#)
    case "/metrics": return Self.response(state.withLock { $0.metrics })
    case "/v1/chat/completions":
      let (onToken, isRefused) = state.withLock { state in
        defer { state.refusedTokens = max(0, state.refusedTokens - 1) }
        return (state.onToken, state.refusedTokens > 0)
      }
      onToken()
      if isRefused {
        let text = #"{"error": {"message": "cannot schedule new futures after shutdown", "code": 500}}"#
        return Self.response(text, status: .internalServerError)
      }
      return Self.response(
        """
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, \
        "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello from memory"}}], \
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}}
        """)
    default: return Response(status: .notFound)
    }
  }

  private static func response(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}

/// A replica of a ``MemoryBackend``.
private struct MemoryReplica: RunningReplica {
  let backend: MemoryBackend
  let name: String

  var handle: ReplicaHandle {
    var members: [String: JSONValue] = ["unit": .string(name)]
    if backend.unit(name)?.isScheduled == true { members["node"] = "memory" }
    return ReplicaHandle(members: members)
  }

  func refresh() async -> Bool {
    guard let unit = backend.unit(name), !unit.isScheduled else { return false }
    backend.change(name) { $0?.isScheduled = true }
    return true
  }

  func exit() async -> ProcessExit? {
    guard let unit = backend.unit(name) else { return .unknown }
    return unit.exit
  }

  func violation(at stage: ReplicaStage) async -> ReplicaFailure? { backend.unit(name)?.violation }

  func limitLog() async {}

  func terminate() async { backend.terminate(name) }

  func end() async { backend.change(name) { $0 = nil } }
}

/// Runs a backend without processes while `body` runs.
func withMemoryBackend<Value: Sendable>(
  _ body: @escaping @Sendable (MemoryBackend) async throws -> Value
) async throws -> Value {
  let (ports, announce) = AsyncStream<Int>.makeStream()
  let backend = MemoryBackend()
  let application = Application(
    responder: CallbackResponder<BasicRequestContext> { request, _ in try await backend.answer(request) },
    configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
    onServerRunning: { announce.yield($0.localAddress?.port ?? 0) },
    logger: Logger(label: "memory") { _ in SwiftLogNoOpLogHandler() })
  return try await withThrowingTaskGroup(of: Value?.self) { tasks in
    tasks.addTask {
      try await application.run()
      return nil
    }
    tasks.addTask {
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      backend.listen(on: port)
      return try await body(backend)
    }
    defer { tasks.cancelAll() }
    while let value = try await tasks.next() { if let value { return value } }
    throw CancellationError()
  }
}
