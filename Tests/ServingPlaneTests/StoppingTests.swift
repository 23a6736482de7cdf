import CanonicalJSON
import FoundationEssentials
import LibCurl
import Logging
import ServiceLifecycle
import Testing

@testable import ServingPlane

@Suite(.serialized)
struct StoppingTests {
  /// Runs a plane that the test stops by itself, and returns its log.
  private func withPlane(
    _ data: TestData, adjust: (inout PlaneConfiguration) -> Void,
    _ body: @Sendable @escaping (PlaneClient, PlaneService, ServiceGroup) async throws -> Void
  ) async throws -> [String] {
    var settings = data.settings
    adjust(&settings)
    let output = RecordingLogHandler.Output()
    let (urls, found) = AsyncStream<String>.makeStream()
    let plane = PlaneService(settings, log: Logger(label: "plane") { _ in RecordingLogHandler(output: output) }) {
      found.yield($0.url)
    }
    let group = ServiceGroup(services: [plane], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    let token = settings.tokenPath
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { found.finish() }
        try await group.run()
      }
      tasks.addTask {
        for await url in urls {
          let client = PlaneClient(url: url, token: try String(contentsOfFile: token, encoding: .utf8).trimming("\n"))
          do { try await body(client, plane, group) } catch {
            await group.triggerGracefulShutdown()
            throw error
          }
          await client.http.shutdown()
          return
        }
      }
      try await tasks.waitForAll()
    }
    return output.lines
  }

  private func serve(_ plane: PlaneClient, _ data: TestData, _ switches: JSONValue) async throws {
    _ = try await plane.register("hello", try data.model(say: "Hello", switches: switches))
    _ = try await plane.create("chat", [entity("hello", 1)])
    _ = try await plane.waitUntilSettled("chat")
    // The readiness check's own token was fast.
    let port = try #require(try EndpointStore(path: data.settings.storePath).replicas().first?.port)
    let slow: JSONValue = ["first_token_ms": 4000]
    _ = try await plane.http.execute(
      HTTPRequest(method: "POST", url: "http://127.0.0.1:\(port)/standin", body: slow.bytes())
    ).body.collect()
  }

  /// Returns when the replica has a request.
  private func untilUnderWay(_ plane: PlaneClient, _ data: TestData) async throws {
    let port = try #require(try EndpointStore(path: data.settings.storePath).replicas().first?.port)
    try await eventually("the replica has the request") {
      let response = try await plane.http.execute(HTTPRequest(url: "http://127.0.0.1:\(port)/metrics"))
      let text = String(decoding: try await response.body.collect(), as: UTF8.self)
      return text.split(separator: "\n").contains {
        $0.hasPrefix("vllm:num_requests_running") && !$0.hasSuffix(" 0") && !$0.hasSuffix(" 0.0")
      }
    }
  }

  @Test func `requests in flight are answered before replicas stop, and queued ones get 503 with Retry-After`()
    async throws
  {
    let data = TestData()
    let output = try await withPlane(
      data,
      adjust: {
        $0.requestsPerReplica = 1
        $0.shutdownGrace = .seconds(120)
        $0.timing.tokenEvery = .seconds(600)
      },
      { plane, _, group in
        try await serve(plane, data, [:])
        // Another connection, which is open before the plane stops listening.
        let second = PlaneClient(url: plane.url, token: plane.token)
        _ = try await second.get("chat")
        async let first = plane.chat("chat")
        try await untilUnderWay(plane, data)
        async let refused = second.call(
          "POST", "/serving-endpoints/chat/invocations", ["messages": [["role": "user", "content": "Hi"]]])
        await group.triggerGracefulShutdown()
        let (answered, waiting) = try await (first, refused)
        #expect(answered.status == 200, "\(answered.text)")
        #expect(waiting.status == 503)
        #expect(waiting.message.contains("the serving plane is shutting down"), "\(waiting.text)")
        await second.http.shutdown()
      })
    #expect(output.contains { $0.contains("waiting for requests in progress") }, "\(output)")
    #expect(output.contains("stopping the replicas"), "\(output)")
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `a replica that does not stop is killed within the stop timeout`() async throws {
    let data = TestData()
    let output = try await withPlane(
      data,
      adjust: {
        $0.shutdownGrace = .seconds(2)
        $0.timing.terminationGrace = .seconds(3600)
      },
      { plane, _, group in
        try await serve(plane, data, ["refuse_stop": true])
        await group.triggerGracefulShutdown()
      })
    #expect(output.contains("stopping: killing the remaining replicas"), "\(output)")
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `a second stop request aborts requests and kills replicas at once`() async throws {
    let data = TestData()
    let output = try await withPlane(
      data,
      adjust: {
        $0.shutdownGrace = .seconds(7200)
        $0.timing.terminationGrace = .seconds(3600)
        $0.timing.tokenEvery = .seconds(600)
      },
      { plane, service, group in
        try await serve(plane, data, ["refuse_stop": true, "stop_ms": 3_600_000])
        let port = try #require(try EndpointStore(path: data.settings.storePath).replicas().first?.port)
        let endless: JSONValue = ["first_token_ms": 3_600_000]
        _ = try await plane.http.execute(
          HTTPRequest(method: "POST", url: "http://127.0.0.1:\(port)/standin", body: endless.bytes())
        ).body.collect()
        async let request = plane.chat("chat")
        try await untilUnderWay(plane, data)
        await group.triggerGracefulShutdown()
        service.stopAtOnce()
        let answer = try? await request
        #expect(answer?.status != 200)
      })
    #expect(output.contains("stopping: closing the remaining requests"), "\(output)")
    #expect(try data.replicaProcesses().isEmpty)
  }

  @Test func `by default, a stop fits into the 30 s that Kubernetes allows`() {
    let settings = PlaneConfiguration(dataDirectory: "/d", user: "u", environment: [:])
    #expect(settings.shutdownGrace <= .seconds(27))
    #expect(settings.requestGrace >= .seconds(15))
    let replicas = settings.timing.terminationGrace + .seconds(3)
    #expect(settings.requestGrace + replicas <= settings.shutdownGrace)
  }
}
