import CanonicalJSON

/// The vLLM flags that a config may add to an entrypoint. Refused are flags that load code by name, that read more
/// flags from a file, or that the plane sets to reach the replica (vLLM 0.32, `vllm serve --help`).
enum EngineFlagRule {
  /// The finding for the words, which names the flag; nil if there is none.
  static func finding(_ words: [String]) -> String? {
    for (index, word) in words.enumerated() where word.hasPrefix("-") {
      let flag = Flag(word)
      let value = flag.value ?? (index + 1 < words.count ? words[index + 1] : "")
      if let why = reason(flag, value: value) {
        return "the engine flag \(flag.name) is not allowed: \(why); remove it"
      }
    }
    return nil
  }

  /// A flag as vLLM's parser reads it: `--name`, `--name=value`, `--name.member=value`, with `_` for `-`.
  struct Flag {
    /// The name without members, with hyphens.
    let name: String
    /// The part after a dot, with hyphens; empty if there is none.
    let member: String
    let value: String?

    init(_ word: String) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let path = parts[0].replacing("_", with: "-").lowercased()
      value = parts.count == 2 ? String(parts[1]) : nil
      let dot = path.firstIndex(of: ".")
      name = dot.map { String(path[..<$0]) } ?? path
      member = dot.map { String(path[path.index(after: $0)...]) } ?? ""
    }

    /// Whether the parser may take the flag for this option: it accepts any unambiguous prefix of one.
    func isMeant(_ option: String) -> Bool {
      name == option || name.count > 2 && name.hasPrefix("--") && option.hasPrefix(name) && !complete.contains(name)
    }

    /// Real options that are a prefix of a refused one.
    private var complete: Set<String> { ["--reasoning-parser", "--log-level"] }
  }

  private static func reason(_ flag: Flag, value: String) -> String? {
    if flag.isMeant("--model") { return "the model version says which model the engine loads" }
    if planes.contains(where: flag.isMeant) { return "the serving plane sets it to reach the replica" }
    if flag.isMeant("--device-ids") { return "the serving plane assigns the devices of a replica" }
    if loadsCode.contains(where: flag.isMeant) {
      return "it decides which code the engine loads; it is allowed only in the model's entrypoint"
    }
    if flag.name == "--config" { return "it reads more flags from a file, which must be listed explicitly" }
    if flag.isMeant("--distributed-executor-backend"), !["mp", "ray", "uni", "external_launcher", ""].contains(value) {
      return "it loads code by name; allowed values are mp, ray, uni and external_launcher"
    }
    guard let words = decoded(value) else {
      return "its value is not valid JSON"
    }
    let text = ([flag.member, value] + words).joined(separator: " ").replacing("_", with: "-")
    if let word = codeInValues.first(where: text.contains) { return "\"\(word)\" in its value loads code by name" }
    if ["--compilation-config", "-cc", "-o"].contains(where: flag.isMeant), let backend = backend(flag, value),
      backend.contains(".")
    {
      return "its backend \"\(backend)\" is code loaded by name"
    }
    return nil
  }

  /// All keys and strings in a JSON value, as the engine reads them, escapes decoded; empty for any other value. Nil if
  /// it looks like JSON and is not: another parser may see more in it.
  private static func decoded(_ value: String) -> [String]? {
    guard let first = value.first(where: { !$0.isWhitespace }), first == "{" || first == "[" else { return [] }
    return (try? JSONValue(parsing: value))?.texts
  }

  private static func backend(_ flag: Flag, _ value: String) -> String? {
    if flag.member == "backend" { return value }
    return (try? JSONValue(parsing: value))?["backend"]?.stringValue
  }

  private static let planes = [
    "--host", "--port", "--uds", "--api-key", "--root-path", "--headless", "--grpc", "--grpc-port",
    "--ssl-keyfile", "--ssl-certfile", "--ssl-ca-certs", "--enable-ssl-refresh", "--ssl-cert-reqs", "--ssl-ciphers",
    "--data-parallel-supervisor-port", "--api-server-count",
  ]

  private static let loadsCode = [
    "--worker-cls", "--worker-extension-cls", "--scheduler-cls", "--middleware", "--tool-parser-plugin",
    "--reasoning-parser-plugin", "--io-processor-plugin", "--logits-processors", "--model-class-overrides",
    "--log-config-file", "--logging-config", "--code-revision", "--trust-remote-code",
  ]

  private static let codeInValues = [
    "module-path", "inductor-passes", "custom-passes", "worker-cls", "scheduler-cls", "parser-plugin",
    "processor-plugin",
    "trust-remote-code",
  ]
}

extension JSONValue {
  /// All keys and strings, at any depth.
  fileprivate var texts: [String] {
    switch self {
    case .string(let text): [text]
    case .array(let items): items.flatMap(\.texts)
    case .object(let members, let alike):
      members.flatMap { [$0.key] + $0.value.texts } + alike.flatMap { [$0.key] + $0.value.texts }
    default: []
    }
  }
}
