internal import CanonicalJSON
package import Endpoints
internal import LibCurl
package import ServingAPI
internal import Synchronization

/// A workspace in memory that is used through the same client as a real one. It implements the state machine of
/// serving-api.md 2: each read of an endpoint advances its update by one step, so nothing here waits for time to pass.
///
/// A fault can be placed at any call, and a crash of the caller's own process can be simulated: from that call on,
/// every call of the provider throws `CancellationError` until ``restart()``.
package final class WorkspaceDouble: Sendable {
  /// A call that reached the network.
  package struct Call: Hashable, Sendable, CustomStringConvertible {
    package let method: String
    package let path: String

    package init(method: String, path: String) {
      self.method = method
      self.path = path
    }

    /// Whether the call changes something in the workspace; a query of a model does not.
    package var isWrite: Bool {
      method != "GET" && !path.hasSuffix("/invocations") && !path.hasSuffix("/completions")
        && !path.hasPrefix("/oidc/")
    }
    package var description: String { "\(method) \(path)" }
  }

  struct State {
    var workspace = WorkspaceState()
    var before = WorkspaceState()
    var calls: [Call] = []
    var landed: [Call] = []
    var planned: [(match: @Sendable (Call) -> Bool, fault: Fault)] = []
    var plan: @Sendable (Int, Call) -> Fault? = { _, _ in nil }
    var isCrashed = false
    /// Milliseconds since 1970; nil: use ``WorkspaceDouble/timing``.
    var time: (@Sendable () -> Int64)?
    /// How many read calls are still answered with the state before the last write.
    var staleReads = 0
  }

  let state: Mutex<State>
  package let timing: TestTiming

  package init(behaviors: WorkspaceBehaviors = WorkspaceBehaviors(), timing: TestTiming = TestTiming()) {
    var state = State()
    state.workspace.behaviors = behaviors
    self.state = Mutex(state)
    self.timing = timing
  }

  /// A separate workspace that starts as a copy of another one, without calls and faults.
  package init(copying other: WorkspaceDouble) {
    var state = State()
    (state.workspace, state.before) = other.state.withLock { ($0.workspace, $0.before) }
    self.state = Mutex(state)
    self.timing = TestTiming()
  }

  /// A provider over this workspace. Its waits take no time.
  package var provider: APIProvider { APIProvider(client) }

  package var client: ServingClient {
    ServingClient(.test, version: "test", transport: transport, timing: timing.timing)
  }

  /// A client whose calls pass through something that may change them or their responses.
  package func client(timing: Timing, through wrap: (@escaping Transport) -> Transport) -> ServingClient {
    ServingClient(.test, version: "test", transport: wrap(transport), timing: timing)
  }

  /// A client that sends each call once, as a controller's does: the controller's queue does the waiting.
  package func controllerClient(timing: Timing) -> ServingClient {
    ServingClient(
      .test, version: "test", transport: transport, timing: timing,
      retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
  }

  package var transport: Transport {
    { [self] request in
      let time = state.withLock(\.time)
      let now = time?() ?? timing.milliseconds
      return try state.withLock { state in
        state.workspace.now = now
        return try state.serve(request)
      }
    }
  }

  /// The workspace's own clock, in milliseconds since 1970: limits, token lifetimes and slow rollouts follow it.
  package func setClock(_ time: @escaping @Sendable () -> Int64) { state.withLock { $0.time = time } }

  /// Changes switches while it runs.
  package func change(_ behaviors: (inout WorkspaceBehaviors) -> Void) {
    state.withLock { behaviors(&$0.workspace.behaviors) }
  }

  // MARK: - What happened

  /// Every call that was sent, faults included, in order.
  package var calls: [Call] { state.withLock { $0.calls } }
  /// The calls that change something.
  package var writes: [Call] { calls.filter(\.isWrite) }

  /// The calls that changed something, whether or not the caller got the response.
  package var landed: [Call] { state.withLock { $0.landed } }

  package func forgetCalls() {
    state.withLock { state in
      state.calls = []
      state.landed = []
    }
  }

  /// The endpoint as it is, without a read that would advance its update; nil if there is none.
  package func endpoint(_ name: String) -> ObservedEndpoint? {
    state.withLock { state in
      var copy = state.workspace
      guard copy.endpoints[name] != nil else { return nil }
      return WireEndpoint(copy.look(name).json)?.observed(as: name)
    }
  }

  /// The API's response about an endpoint, byte for byte; nil if there is none.
  package func text(of name: String) -> String? {
    state.withLock { state in
      var copy = state.workspace
      return copy.endpoints[name] == nil ? nil : copy.look(name).json?.text()
    }
  }

  // MARK: - Faults

  /// Makes the next matching calls fail.
  ///
  /// - Parameters:
  ///   - method: `GET`, `PUT`, …
  ///   - path: what the path ends with; empty matches any.
  package func fail(_ method: String, path: String = "", times: Int = 1, with fault: Fault) {
    state.withLock { state in
      for _ in 0..<times {
        state.planned.append(({ $0.method == method && (path.isEmpty || $0.path.hasSuffix(path)) }, fault))
      }
    }
  }

  /// Called for every call, with its number from 0: nil means no fault. For tests that put a fault at each call in
  /// turn.
  package func setPlan(_ plan: @escaping @Sendable (Int, Call) -> Fault?) { state.withLock { $0.plan = plan } }

  /// Kills the caller's process now, between two calls.
  package func crash() { state.withLock { $0.isCrashed = true } }

  /// Whether the caller's process has ended.
  package var isCrashed: Bool { state.withLock { $0.isCrashed } }

  /// Restarts the caller's process.
  package func restart() { state.withLock { $0.isCrashed = false } }
}

extension WorkspaceDouble.State {
  fileprivate mutating func serve(_ request: HTTPRequest) throws -> APIResponse {
    guard !isCrashed else { throw CancellationError() }
    let call = WorkspaceDouble.Call(method: request.method, path: request.apiPath)
    calls.append(call)
    switch nextFault(for: call) {
    case nil: return Self.response(act(on: request, call))
    case .answer(let status, let code, let message): return Self.response(.error(status, code, message))
    case .response(let status, let headers, let body):
      return Self.response(
        WorkspaceResponse(status: status, text: body, headers: headers.sorted { $0.key < $1.key }.map { $0 }))
    case .loseAnswer:
      _ = act(on: request, call)
      throw Self.lost(request, code: .connectionLost, mayHaveBeenSent: true)
    case .loseRequest: throw Self.lost(request, code: .connectionLost, mayHaveBeenSent: true)
    case .refuseConnection: throw Self.lost(request, code: .connect, mayHaveBeenSent: false)
    case .stale:
      var copy = before
      return Self.response(copy.handle(request))
    case .crashBefore:
      isCrashed = true
      throw CancellationError()
    case .crashAfter:
      _ = act(on: request, call)
      isCrashed = true
      throw CancellationError()
    }
  }

  private mutating func nextFault(for call: WorkspaceDouble.Call) -> WorkspaceDouble.Fault? {
    if let index = planned.firstIndex(where: { $0.match(call) }) { return planned.remove(at: index).fault }
    return plan(calls.count - 1, call)
  }

  private mutating func act(on request: HTTPRequest, _ call: WorkspaceDouble.Call) -> WorkspaceResponse {
    guard call.isWrite else {
      guard staleReads > 0, call.path.contains("/serving-endpoints") else { return workspace.handle(request) }
      staleReads -= 1
      var copy = before
      return copy.handle(request)
    }
    before = workspace
    staleReads = workspace.behaviors.staleReads
    let response = workspace.handle(request)
    if response.status < 300 { landed.append(call) }
    return response
  }

  private static func response(_ response: WorkspaceResponse) -> APIResponse {
    let body = response.text ?? response.json?.text() ?? ""
    return APIResponse(
      status: response.status, headers: HTTPHeaders(response.headers.map { HTTPField($0.0, $0.1) }),
      body: ByteStream([Array(body.utf8)]))
  }

  private static func lost(
    _ request: HTTPRequest, code: HTTPClientError.Code, mayHaveBeenSent: Bool
  ) -> HTTPClientError {
    HTTPClientError(
      code: code, message: code == .connect ? "connection refused" : "the connection was reset",
      method: request.method, url: request.apiPath, requestMayHaveBeenSent: mayHaveBeenSent)
  }
}
