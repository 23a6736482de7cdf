import CanonicalJSON
import Gateway
import LibCurl

/// Sends requests to one replica at its address.
struct ReplicaProbe: Sendable {
  /// Must ignore the environment's proxy: replicas are reached directly.
  let client: HTTPClient
  let address: UpstreamAddress
  /// How long each response may take.
  let timeout: Duration
  /// How long a first token may take: it is the slowest.
  let patience: Duration

  /// Whether `/health` returns 200. Connections are refused until the server listens.
  func isHealthy() async -> Bool { await status("/health") == 200 }

  /// The replica's state: its engine's counters, a dead engine, or no response.
  func metrics() async -> LivenessMachine.Observation {
    do {
      if try await get("/health").status == 503 { return .engineDead }
      let answer = try await get("/metrics")
      guard answer.status == 200 else { return .unreachable("/metrics returned HTTP \(answer.status)") }
      let metrics = EngineMetrics(String(decoding: answer.body, as: UTF8.self))
      return .metrics(running: metrics.running, progress: metrics.progress)
    } catch {
      return .unreachable("\(error)")
    }
  }

  /// What the engine reports about itself, in Prometheus' text form; nil if it does not answer in time.
  func exposition() async -> [UInt8]? {
    guard let answer = try? await get("/metrics"), answer.status == 200 else { return nil }
    return answer.body
  }

  /// Requests one token, by the first route that the model offers.
  ///
  /// - Parameters:
  ///   - task: the version's task, such as `llm/v1/chat`; decides which route is tried first.
  ///   - isFirst: whether it is the replica's first token.
  /// - Throws: `ReplicaFailure` if the server responds but does not generate; worth repeating if it failed to, or has
  ///   no room for the request now.
  func generate(task: String, isFirst: Bool) async throws {
    let limit = isFirst ? patience : timeout
    let model = try await servedModel()
    var refusals: [String] = []
    for route in Route.order(for: task) {
      let answer = try await post(route.path, route.body(model: model), within: limit)
      if answer.status == 200 {
        guard route.holdsToken(answer.body) else {
          throw ReplicaFailure(
            "vLLM answered \(route.path) without a token", line: excerpt(answer.body), code: StartFailure.Code.noToken)
        }
        return
      }
      refusals.append("\(route.path) returned HTTP \(answer.status): \(excerpt(answer.body))")
      if answer.status >= 500 || [408, 425, 429].contains(answer.status) {
        throw ReplicaFailure(
          "vLLM is up but answers its first request with HTTP \(answer.status)", line: refusals.last,
          isWorthRepeating: true, code: StartFailure.Code.noToken)
      }
      // Only "no such route" and "this model cannot do that" lead to the next route.
      guard [400, 404, 405].contains(answer.status) else { break }
    }
    throw ReplicaFailure(
      "vLLM is up but generates nothing", line: refusals.joined(separator: "; "), code: StartFailure.Code.noToken)
  }

  private struct ProbeResponse {
    let status: Int
    let body: [UInt8]
  }

  private enum Route: CaseIterable {
    case chat, completion, embedding

    static func order(for task: String) -> [Route] {
      switch task {
      case "llm/v1/embeddings": [.embedding]
      case "llm/v1/completions": [.completion, .chat]
      default: [.chat, .completion, .embedding]
      }
    }

    var path: String {
      switch self {
      case .chat: "/v1/chat/completions"
      case .completion: "/v1/completions"
      case .embedding: "/v1/embeddings"
      }
    }

    func body(model: String) -> JSONValue {
      switch self {
      case .chat:
        ["model": .string(model), "max_tokens": 1, "messages": [["role": "user", "content": "Hi"]]]
      case .completion: ["model": .string(model), "max_tokens": 1, "prompt": "Hi"]
      case .embedding: ["model": .string(model), "input": "Hi"]
      }
    }

    func holdsToken(_ body: [UInt8]) -> Bool {
      guard let answer = try? JSONValue(parsing: body) else { return false }
      if self == .embedding { return answer["data"]?.arrayValue?.isEmpty == false }
      let tokens = answer["usage"]?["completion_tokens"]?.intValue
      return answer["choices"]?.arrayValue?.isEmpty == false && tokens.map { $0 > 0 } ?? true
    }
  }

  /// The names by which it can be queried: the base model's, then its LoRA adapters'; empty if it does not list them.
  func modelNames() async -> [String] {
    // It responded a moment ago; one lost response must not cost its adapters for the rest of its life.
    for _ in 0..<3 {
      if let names = try? await models().names, !names.isEmpty { return names }
    }
    return []
  }

  private func servedModel() async throws -> String {
    let models = try await models()
    guard let name = models.names.first else {
      throw ReplicaFailure("the replica's /v1/models lists no model", line: models.excerpt)
    }
    return name
  }

  private func models() async throws -> (names: [String], excerpt: String) {
    let answer = try await get("/v1/models")
    let models = (try? JSONValue(parsing: answer.body))?["data"]?.arrayValue ?? []
    return (models.prefix(1000).compactMap { $0["id"]?.stringValue }, excerpt(answer.body))
  }

  private func status(_ path: String) async -> Int? { try? await get(path).status }

  private func get(_ path: String) async throws -> ProbeResponse {
    try await send(HTTPRequest(url: url(path)), within: timeout)
  }

  private func post(_ path: String, _ body: JSONValue, within limit: Duration) async throws -> ProbeResponse {
    let request = HTTPRequest(
      method: "POST", url: url(path), headers: [HTTPField("Content-Type", "application/json")], body: body.bytes())
    return try await send(request, within: limit)
  }

  private func send(_ request: HTTPRequest, within limit: Duration) async throws -> ProbeResponse {
    var request = request
    request.timeouts = HTTPTimeouts(connect: timeout, idle: limit, total: limit)
    if case .unixSocket(let path) = address { request.unixSocket = path }
    let response = try await client.execute(request)
    return ProbeResponse(status: response.status, body: try await response.body.collect(upTo: 4 << 20))
  }

  private func url(_ path: String) -> String {
    switch address {
    case .tcp(let host, let port): "http://\(host):\(port)\(path)"
    case .unixSocket: "http://localhost\(path)"
    }
  }

  private func excerpt(_ body: [UInt8]) -> String { String(decoding: body.prefix(300), as: UTF8.self) }
}

/// The values from vLLM's `/metrics` that the supervisor needs.
struct EngineMetrics: Hashable, Sendable {
  /// Requests being generated.
  var running = 0.0
  /// Grows with every step of the engine; the absolute value has no meaning.
  var progress = 0.0

  init(_ text: String) {
    for line in text.split(separator: "\n") where line.hasPrefix("vllm:") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
      switch line.prefix(while: { $0 != "{" && $0 != " " }) {
      case "vllm:num_requests_running": running += value
      case "vllm:iteration_tokens_total_count", "vllm:generation_tokens_total", "vllm:prompt_tokens_total":
        progress += value
      default: continue
      }
    }
  }
}

/// Creates the probes of all replicas over one client.
struct ReplicaProbes: Sendable {
  let client = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))

  func probe(_ address: UpstreamAddress, timing: ReplicaTiming) -> ReplicaProbe {
    ReplicaProbe(client: client, address: address, timeout: timing.probeTimeout, patience: timing.patience)
  }

  func shutdown() async { await client.shutdown() }
}
