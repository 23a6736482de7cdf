import NIOHTTP1

/// The OpenAI calls, by the ends of their paths.
enum OpenAIPath: String, CaseIterable, Sendable {
  case chat = "chat/completions"
  case completions
  case embeddings
}

/// The target that a request's path names.
enum QueryTarget: Hashable, Sendable {
  /// Databricks style: the endpoint is in the path, optionally pinned to one served entity; the shape of the body
  /// determines the task.
  case endpoint(String, entity: String?)
  /// The same in the plane's own form: a prompt, and its text.
  case generate(String, entity: String?)
  /// OpenAI style: the task is in the path, the endpoint in `model`.
  case openAI(OpenAIPath)
  /// OpenAI's list of models, and one entry of it.
  case models
  case model(String)

  /// Nil if the request is not the gateway's. A query string and empty path segments, such as a trailing slash, are
  /// ignored.
  init?(_ method: HTTPMethod, uri: String) {
    if method == .POST, let target = Self.usual[uri] {
      self = target
      return
    }
    let path = Self.path(of: uri)
    let words = path.split(separator: "/").map(String.init)
    guard let root = words.first, Self.roots.contains(root) else { return nil }
    let rest = words.dropFirst()
    switch (method, rest.count) {
    case (.GET, 1) where rest.first == "models": self = .models
    case (.GET, 2) where rest.first == "models":
      // Clients may encode the colon before an adapter's name.
      self = .model(words[2].replacing("%3A", with: ":").replacing("%3a", with: ":"))
    case (.POST, _):
      if let path = OpenAIPath(rawValue: rest.joined(separator: "/")) {
        self = .openAI(path)
      } else if root == "serving-endpoints", let target = Self.namingEndpoint(words) {
        self = target
      } else {
        return nil
      }
    default: return nil
    }
  }

  /// The target of a path that names an endpoint, and perhaps one of its served entities.
  private static func namingEndpoint(_ words: [String]) -> QueryTarget? {
    let entity: String?
    switch words.count {
    case 3: entity = nil
    case 5 where words[2] == "served-models": entity = words[3]
    default: return nil
    }
    return switch words.last {
    case "invocations": .endpoint(words[1], entity: entity)
    case "generate": .generate(words[1], entity: entity)
    default: nil
    }
  }

  /// The path without the query string; for a target in absolute form (RFC 9112, section 3.2.2), without the scheme and
  /// the authority too.
  private static func path(of uri: String) -> Substring {
    var path = uri[...]
    if !uri.hasPrefix("/"), let scheme = uri.firstRange(of: "://") {
      let rest = uri[scheme.upperBound...]
      path = rest.firstIndex(of: "/").map { rest[$0...] } ?? ""
    }
    return path.firstIndex(of: "?").map { path[..<$0] } ?? path
  }

  private static let roots = ["serving-endpoints", "v1"]

  /// Most requests have exactly one of these paths.
  private static let usual: [String: QueryTarget] = {
    let paths = roots.flatMap { root in OpenAIPath.allCases.map { ("/\(root)/\($0.rawValue)", QueryTarget.openAI($0)) }
    }
    return Dictionary(uniqueKeysWithValues: paths)
  }()

  /// The gateway's routes: each method, and its path with a name in braces for each variable segment.
  static let routes: [(method: String, path: String)] =
    roots.flatMap { root in
      OpenAIPath.allCases.map { ("POST", "/\(root)/\($0.rawValue)") }
        + [("GET", "/\(root)/models"), ("GET", "/\(root)/models/{id}")]
    } + [
      ("POST", "/serving-endpoints/{name}/invocations"),
      ("POST", "/serving-endpoints/{name}/served-models/{entity}/invocations"),
      ("POST", "/serving-endpoints/{name}/generate"),
      ("POST", "/serving-endpoints/{name}/served-models/{entity}/generate"),
    ]

  /// The route's name in a request's record.
  var route: String {
    switch self {
    case .endpoint: "invocations"
    case .generate: "generate"
    case .openAI(let path): path.rawValue
    case .models, .model: "models"
    }
  }

  /// The served entity that the path names.
  var entity: String? {
    switch self {
    case .endpoint(_, let entity), .generate(_, let entity): entity
    case .openAI, .models, .model: nil
    }
  }

  /// Whether requests and answers have the plane's own form.
  var isGenerate: Bool { if case .generate = self { true } else { false } }

  /// Whether the replica is asked for the token counts of a stream whose client does not ask for them.
  func asksForUsage(_ body: QueryBody) -> Bool {
    guard body.lacksUsage else { return false }
    return switch (self, body.task) {
    case (.openAI(.chat), _), (.openAI(.completions), _), (.endpoint, .chat), (.endpoint, .completion): true
    // A stream of `generate` always has them.
    case (.openAI(.embeddings), _), (.endpoint, .embedding), (.endpoint, nil), (.generate, _), (.models, _),
      (.model, _):
      false
    }
  }

  /// The replica's path for it.
  func upstreamPath(for task: QueryBody.Task?) -> String {
    switch (self, task) {
    case (.openAI(.chat), _), (.endpoint, .chat), (.generate, _): "/v1/chat/completions"
    case (.openAI(.completions), _), (.endpoint, .completion): "/v1/completions"
    case (.openAI(.embeddings), _), (.endpoint, .embedding): "/v1/embeddings"
    // Unknown shape: the server's own error message is the best response.
    case (.endpoint, nil), (.models, _), (.model, _): "/invocations"
    }
  }
}
