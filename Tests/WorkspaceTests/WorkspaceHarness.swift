import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import LibCurl
import ModelRegistry
import Planning
import ServingAPI
import Synchronization
import TestKit

/// A workspace, one clock for everything, and a reconciler whose calls can be changed in transit.
final class WorkspaceHarness: Sendable {
  typealias Environment = ControllerEnvironment

  let environment: ControllerEnvironment
  private let interceptor: CallInterceptor
  private let seen = Mutex<[Exchange]>([])

  /// One call with its response.
  struct Exchange: Sendable {
    let call: WorkspaceDouble.Call
    let body: JSONValue?
    let status: Int
  }

  init(_ interceptor: CallInterceptor = CallInterceptor(), behaviors: (inout WorkspaceBehaviors) -> Void = { _ in })
    throws
  {
    environment = try Environment()
    self.interceptor = interceptor
    Environment.setVersions(environment.workspace)
    environment.workspace.change(behaviors)
    environment.workspace.setClock { [weak environment] in environment?.now.milliseconds ?? 0 }
  }

  var workspace: WorkspaceDouble { environment.workspace }

  // MARK: - Commands

  @discardableResult
  func apply(_ fleet: DesiredFleet, _ options: DecisionOptions = .harness, limits: ConvergenceLimits = .harness)
    async throws
    -> [ConvergenceResult]
  {
    let plan = try await diff(fleet, options)
    let reconciler = reconciler(options)
    return await environment.converge(plan.changes.map(\.endpoint), of: fleet, reconciler, limits)
  }

  @discardableResult
  func apply(_ endpoint: DesiredEndpoint, _ options: DecisionOptions = .harness, limits: ConvergenceLimits = .harness)
    async throws
    -> ConvergenceResult?
  {
    try await apply(Environment.fleet(endpoint), options, limits: limits).first
  }

  func diff(_ fleet: DesiredFleet, _ options: DecisionOptions = .harness) async throws -> Plan {
    try await reconciler(options).plan(fleet)
  }

  func diff(_ endpoint: DesiredEndpoint, _ options: DecisionOptions = .harness) async throws -> Plan {
    try await diff(Environment.fleet(endpoint), options)
  }

  func reconciler(_ options: DecisionOptions) -> Reconciler {
    let resolver = VersionResolver(client)
    return Reconciler(
      provider: APIProvider(client), history: environment.history, options: options,
      servable: { try await resolver.requireServable(model: $0.entityName, version: $0.entityVersion) },
      now: { self.environment.now })
  }

  var client: ServingClient {
    workspace.client(timing: timing) { inner in { try await self.send($0, over: inner) } }
  }

  /// The environment's clock, which waiting advances.
  var timing: Timing {
    let environment = environment
    return Timing(
      elapsed: { environment.now - Environment.beginning }, secondsSince1970: { environment.now.milliseconds / 1000 },
      sleep: { environment.advance($0) }, jitter: { 0 })
  }

  private func send(_ request: HTTPRequest, over inner: Transport) async throws -> APIResponse {
    let response = try await interceptor.send(request, over: inner)
    let path = request.url.drop { $0 != "/" }.dropFirst(2).drop { $0 != "/" }
    let exchange = Exchange(
      call: WorkspaceDouble.Call(method: request.method, path: String(path)),
      body: request.body.flatMap { try? JSONValue(parsing: $0) }, status: response.status)
    seen.withLock { $0.append(exchange) }
    return response
  }

  // MARK: - What happened

  /// The responses to calls that were sent, in order.
  var exchanges: [Exchange] { seen.withLock { $0 } }

  func forget() {
    workspace.forgetCalls()
    seen.withLock { $0 = [] }
  }

  /// How many calls were answered with a status.
  func count(_ status: Int, _ method: String? = nil) -> Int {
    exchanges.count { $0.status == status && (method == nil || $0.call.method == method) }
  }

  /// The body of the last call with this method and a path with this ending.
  func lastBody(_ method: String, _ path: String) -> JSONValue? {
    exchanges.last { $0.call.method == method && $0.call.path.hasSuffix(path) }?.body
  }

  /// What the API shows of the endpoint.
  func shown(_ name: String = "chat") -> JSONValue? {
    workspace.text(of: name).flatMap { try? JSONValue(parsing: $0) }
  }

  // MARK: - Checks

  /// - Throws: ``QuirkViolation`` unless live state matches the manifest, nothing is left to do, and a second apply
  ///   sends nothing.
  func requireInSync(_ endpoint: DesiredEndpoint, _ result: ConvergenceResult?, _ what: String) async throws {
    try require(result?.isInSync == true, "\(what): \(result.map { "\($0.ending)" } ?? "nothing was done")")
    try await requireNoDrift(endpoint, what)
  }

  func requireNoDrift(_ endpoint: DesiredEndpoint, _ what: String) async throws {
    for _ in 0..<2 {
      let plan = try await diff(endpoint)
      try require(plan.isInSync, "\(what): the second diff says \(plan.changes.map { ($0.reason, $0.fields) })")
    }
    forget()
    try await apply(endpoint)
    try require(workspace.writes.isEmpty, "\(what): a second apply sent \(workspace.writes)")
  }
}

extension DecisionOptions {
  static let harness = DecisionOptions(fleet: "test")
  static let harnessPruning = DecisionOptions(fleet: "test", prune: true)
  static let harnessAdopting = DecisionOptions(fleet: "test", adopt: true)
  static let harnessRecreating = DecisionOptions(fleet: "test", allowRecreate: true)
}

extension ConvergenceLimits {
  static let harness = ConvergenceLimits(timeout: .seconds(24 * 3600), concurrency: 1)
}
