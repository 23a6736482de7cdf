import CanonicalJSON
import LibCurl
import ServingAPI
import Synchronization
import TestKit

/// A workspace that accepts OAuth tokens, and clients that call it as a command line does.
struct OAuthHarness: Sendable {
  static let host = "https://workspace.example.com"
  /// OAuth client credentials in the environment.
  static let client = [
    "DATABRICKS_HOST": host, "DATABRICKS_CLIENT_ID": OAuthDouble.clientID,
    "DATABRICKS_CLIENT_SECRET": OAuthDouble.clientSecret,
  ]

  let timing: TestTiming
  let oauth: OAuthDouble
  let workspace: ScriptedTransport
  let files = Files()

  init(
    timing: TestTiming = TestTiming(), _ answers: [ScriptedTransport.ScriptedResponse] = [.json(["done": true])],
    change: (inout OAuthDouble.Behaviors) -> Void = { _ in }
  ) {
    var behaviors = OAuthDouble.Behaviors()
    change(&behaviors)
    self.timing = timing
    workspace = ScriptedTransport(answers)
    oauth = OAuthDouble(timing: timing, behaviors: behaviors, before: workspace.transport)
  }

  func resolver(_ environment: [String: String]) -> TargetResolver {
    TargetResolver(
      environment: ["HOME": "/home/a"].merging(environment) { $1 },
      readFile: { path throws(TargetError) in files[path] }, findPlanes: { () throws(TargetError) in LocalPlanes() })
  }

  func client(
    _ environment: [String: String] = client, transport: Transport? = nil, retryPolicy: RetryPolicy? = nil
  ) throws -> ServingClient {
    ServingClient(
      try resolver(environment).resolve(), version: "1", transport: transport ?? oauth.transport, timing: timing.timing,
      retryPolicy: retryPolicy)
  }

  /// The token requests, without those for documents and identities.
  var tokenRequests: [HTTPRequest] { oauth.requests.filter { $0.method == "POST" } }
}

/// Files that change while a program runs.
final class Files: Sendable {
  private let texts = Mutex<[String: String]>([:])

  subscript(path: String) -> String? {
    get { texts.withLock { $0[path] } }
    set { texts.withLock { $0[path] = newValue } }
  }
}

extension ServingClient {
  /// A call that shows whether the client is admitted.
  func ask(_ method: String = "GET") async throws { _ = try await json(APICall(method, "/api/2.0/x", body: [:])) }
}
