import CanonicalJSON
import FoundationEssentials
import Glibc
import LibCurl
import Logging
import Scheduling
import ServiceLifecycle
import Synchronization
import Testing

@testable import ServingPlane

/// A data directory for planes of a test, and models that use the stand-in for vLLM. Removed with everything running on
/// it.
final class TestData: Sendable {
  let path: String

  init() {
    path = "/tmp/spt-" + String(UInt32.random(in: .min ... .max), radix: 16)
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// A folder to register: the stand-in's model `m` with its switches, and `say.txt` where `say` is given.
  func model(say: String? = nil, switches: JSONValue = [:]) throws -> String {
    let folder = path + "/source-" + String(UInt32.random(in: .min ... .max), radix: 16)
    try FileManager.default.createDirectory(atPath: folder + "/m", withIntermediateDirectories: true)
    try Data(switches.bytes()).write(to: URL(filePath: folder + "/m/behaviour.json"))
    if let say { try Data(say.utf8).write(to: URL(filePath: folder + "/m/say.txt")) }
    return folder
  }

  /// The command line of the stand-in, with a placeholder for the port.
  static let entrypoint: String = {
    let support = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Support/vllm_standin.py")
    return "python3 '\(support.path)' --model m --served-model-name m --host 0.0.0.0 --port 8000"
  }()

  /// The stand-in's interpreter, without the detour through the scripts of version switchers.
  static let python: String = {
    for path in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
      let python = "\(path)/python3"
      if !path.hasSuffix("shims"), access(python, X_OK) == 0 { return python }
    }
    return "python3"
  }()

  var settings: PlaneConfiguration {
    var settings = PlaneConfiguration(
      dataDirectory: path + "/data", user: "tester", environment: ProcessInfo.processInfo.environment)
    settings.port = 0
    settings.python = Self.python
    settings.timing.pollEvery = .milliseconds(50)
    settings.timing.probeEvery = .milliseconds(300)
    settings.timing.tokenEvery = .zero
    settings.timing.probeTimeout = .seconds(2)
    settings.timing.startDeadline = .seconds(120)
    settings.timing.terminationGrace = .seconds(3)
    settings.timing.drainDeadline = .seconds(120)
    settings.planner.backoff.first = .milliseconds(100)
    settings.shutdownGrace = .seconds(5)
    return settings
  }

  /// The live processes of all replicas ever started on this data, by their mark.
  func replicaProcesses() throws -> [ProcessTable.Entry] {
    let id = try EndpointStore(path: settings.storePath).planeID
    return (ProcessTable.all() ?? []).filter { !$0.isDead && ProcessTable.mark($0.identity.pid)?.plane == id }
  }

  deinit {
    // A killed process keeps its files mapped until it has ended; these files belong to this test, whoever still has
    // them.
    let processes = (try? replicaProcesses()) ?? []
    for entry in processes { kill(entry.identity.pid, SIGSTOP) }
    var files = processes.reduce(into: Set()) { $0.formUnion(ProcessTable.sharedMemoryFiles($1.identity.pid)) }
    for entry in processes { endAndCollect(entry.identity.pid) }
    for record in (try? EndpointStore(path: settings.storePath).replicas()) ?? [] {
      guard let handle = ProcessHandle(record.handle) else { continue }
      files.formUnion(handle.sharedMemory)
      // One that a plane ended for its predecessor, whose child it was.
      if let process = handle.process { _ = ProcessSpawn.collect(process.pid) }
      ReplicaLeftovers.remove(temporary: handle.temporary, sharedMemory: [])
    }
    for file in files { unlink(file) }
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// How a plane ends in a test.
enum PlaneEnd {
  case graceful
  /// As after `kill -9`: the plane is gone, but its replicas are not.
  case abrupt
}

/// Runs a plane while `body` runs.
func withPlane<Result: Sendable>(
  _ data: TestData, end: PlaneEnd = .graceful, log: Logger? = nil,
  adjust: (inout PlaneConfiguration) -> Void = { _ in },
  _ body: @Sendable @escaping (PlaneClient) async throws -> Result
) async throws -> Result {
  var settings = data.settings
  adjust(&settings)
  var logger = Logger(label: "plane") { _ in SwiftLogNoOpLogHandler() }
  if ProcessInfo.processInfo.environment["PLANE_TEST_LOG"] != nil { logger = Logger(label: "plane") }
  let (urls, found) = AsyncStream<String>.makeStream()
  let service = PlaneService(settings, log: log ?? logger) { found.yield($0.url) }
  // A plane that has handed over ends by itself.
  let group = ServiceGroup(
    configuration: ServiceGroupConfiguration(
      services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
      logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() }))
  let tokenFile = settings.dataDirectory + "/token"
  return try await withThrowingTaskGroup(of: Result?.self) { tasks in
    tasks.addTask {
      defer { found.finish() }
      do { try await group.run() } catch is CancellationError {}
      return nil
    }
    tasks.addTask {
      for await url in urls {
        let token = try String(contentsOfFile: tokenFile, encoding: .utf8).trimming("\n")
        let client = PlaneClient(url: url, token: token)
        let outcome: Swift.Result<Result, any Error>
        do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
        await client.http.shutdown()
        if end == .graceful { await group.triggerGracefulShutdown() }
        return try outcome.get()
      }
      return nil
    }
    var result: Result?
    while let next = try await tasks.next() {
      if let next { result = next }
      if end == .abrupt, result != nil { tasks.cancelAll() }
    }
    return try #require(result, "the plane never listened")
  }
}

/// Calls to a plane.
struct PlaneClient: Sendable {
  let url: String
  let token: String
  var http = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))

  struct ClientResponse: Sendable {
    let status: Int
    let json: JSONValue
    let text: String
    let headers: HTTPHeaders

    var code: String { json["error_code"]?.stringValue ?? "" }
    var message: String { json["message"]?.stringValue ?? "" }
  }

  private var usualHeaders: [HTTPField] {
    [HTTPField("Authorization", "Bearer " + token), HTTPField("Content-Type", "application/json")]
  }

  func call(
    _ method: String, _ path: String, _ body: JSONValue? = nil, headers: [HTTPField]? = nil
  ) async throws -> ClientResponse {
    let headers = headers ?? usualHeaders
    let response = try await http.execute(
      HTTPRequest(method: method, url: url + path, headers: headers, body: body?.bytes()))
    let bytes = try await response.body.collect()
    return ClientResponse(
      status: response.status, json: (try? JSONValue(parsing: bytes)) ?? .null,
      text: String(decoding: bytes, as: UTF8.self), headers: response.headers)
  }

  /// Registers a folder and returns the version's number.
  func register(_ name: String, _ folder: String, entrypoint: String = TestData.entrypoint) async throws -> Int {
    let answer = try await call(
      "POST", "/api/2.1/unity-catalog/models/\(name)/versions",
      ["source": .string(folder), "entrypoint": .string(entrypoint)])
    try #require(answer.status == 200, "\(answer.text)")
    return Int(try #require(answer.json["version"]?.intValue))
  }

  func create(_ name: String, _ entities: [JSONValue], traffic: [String: Int]? = nil) async throws -> ClientResponse {
    try await call(
      "POST", "/api/2.0/serving-endpoints", ["name": .string(name), "config": Self.config(entities, traffic)])
  }

  func put(_ name: String, _ entities: [JSONValue], traffic: [String: Int]? = nil) async throws -> ClientResponse {
    try await call("PUT", "/api/2.0/serving-endpoints/\(name)/config", Self.config(entities, traffic))
  }

  func get(_ name: String) async throws -> ClientResponse {
    try await call("GET", "/api/2.0/serving-endpoints/\(name)")
  }

  /// Waits until the endpoint is as required, and returns it.
  func wait(
    _ name: String, within limit: Duration = .seconds(120), _ condition: (JSONValue) -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSONValue {
    let deadline = ContinuousClock.now + limit
    var last = JSONValue.null
    while ContinuousClock.now < deadline {
      last = try await get(name).json
      if condition(last) { return last }
      try await Task.sleep(for: .milliseconds(30))
    }
    Issue.record("\(name) never reached the expected state: \(last.text())", sourceLocation: sourceLocation)
    throw CancellationError()
  }

  func waitUntilSettled(
    _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSONValue {
    try await wait(name, { $0["state"]?["config_update"] != "IN_PROGRESS" }, sourceLocation: sourceLocation)
  }

  /// The endpoint's message for users.
  ///
  /// - Parameter maxWait: how long the request may wait for a replica.
  func chat(_ name: String, path: String? = nil, maxWait: String? = nil) async throws -> ClientResponse {
    try await call(
      "POST", path ?? "/serving-endpoints/\(name)/invocations",
      ["messages": [["role": "user", "content": "Hi"]], "max_tokens": 20],
      headers: usualHeaders + (maxWait.map { [HTTPField("X-Setpoint-Max-Wait", $0)] } ?? []))
  }

  private static func config(_ entities: [JSONValue], _ traffic: [String: Int]?) -> JSONValue {
    var config: [String: JSONValue] = ["served_entities": .array(entities)]
    if let traffic {
      let routes = traffic.sorted { $0.key < $1.key }.map { name, share -> JSONValue in
        ["served_entity_name": .string(name), "traffic_percentage": .int(Int64(share))]
      }
      config["traffic_config"] = ["routes": .array(routes)]
    }
    return .object(config)
  }
}

extension PlaneClient.ClientResponse {
  /// The text of a chat answer.
  var sentence: String? { json["choices"]?.arrayValue?.first?["message"]?["content"]?.stringValue }
}

/// A served entity as a client sends it.
func entity(
  _ model: String, _ version: Int, name: String? = nil, type: String = "CPU", size: String = "Small",
  environment: [String: String] = [:], scalesToZero: Bool = false
) -> JSONValue {
  var members: [String: JSONValue] = [
    "entity_name": .string(model), "entity_version": .string(String(version)), "workload_type": .string(type),
    "workload_size": .string(size), "scale_to_zero_enabled": .bool(scalesToZero),
  ]
  if let name { members["name"] = .string(name) }
  if !environment.isEmpty { members["environment_vars"] = .object(environment.mapValues { .string($0) }) }
  return .object(members)
}

/// Waits for a condition other than the endpoint's state.
func eventually(
  within limit: Duration = .seconds(120), _ what: String, _ condition: () async throws -> Bool,
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(30))
  }
  Issue.record("timed out: \(what)", sourceLocation: sourceLocation)
}

extension JSONValue {
  var state: JSONValue { self["state"] ?? .null }
  /// The first served entity of the active config.
  var activeEntity: JSONValue { self["config"]?["served_entities"]?.arrayValue?.first ?? .null }
  /// The first served entity of the pending config.
  var pendingEntity: JSONValue { self["pending_config"]?["served_entities"]?.arrayValue?.first ?? .null }
  var deployment: String { self["state"]?["deployment"]?.stringValue ?? "" }
  var deploymentMessage: String { self["state"]?["deployment_state_message"]?.stringValue ?? "" }
}
