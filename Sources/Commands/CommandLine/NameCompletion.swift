internal import ArgumentParser
internal import Endpoints
internal import History
internal import LibCurl
internal import ModelRegistry
internal import Planning
internal import ServingAPI

extension CompletionKind {
  /// The names of live endpoints, queried from the provider that the command line names so far.
  ///
  /// A shell waits for this after a key press, so a provider that responds slowly is treated as unavailable.
  static var endpoints: CompletionKind { listed { try await $0.endpoints() } }

  /// The served entities of the endpoint that the command line names.
  static var entities: CompletionKind { listed { try await $0.entities() } }

  /// The names of the models that the provider has.
  static var models: CompletionKind { listed { try await $0.models() } }

  /// The names of the plane's access tokens. Only an administrator sees them.
  static var tokens: CompletionKind { listed { try await $0.tokens() } }

  /// The fleets that have a status in the state directory.
  static var fleets: CompletionKind { listed { try await $0.fleets() } }

  /// The good revisions of the endpoint that the command line names.
  static var revisions: CompletionKind { listed { try await $0.revisions() } }

  /// A file of manifests, or a directory of them.
  static var manifests: CompletionKind { .file(extensions: ["yaml", "yml", "json"]) }

  private static func listed(_ words: @escaping @Sendable (NameCompletion) async throws -> [String]) -> CompletionKind {
    .custom { line, _, prefix in
      // A shell cannot show an error; the command itself will report it.
      let names = (try? await words(NameCompletion(words: line))) ?? []
      return names.filter { $0.hasPrefix(prefix) }
    }
  }
}

/// Completes names for a shell.
struct NameCompletion: Sendable {
  /// The command line's words.
  let words: [String]

  /// How long one call may take.
  static let timeouts = HTTPTimeouts(connect: .seconds(1), idle: .seconds(2), total: .seconds(2))

  func endpoints() async throws -> [String] {
    try await APIProvider(client()).list().filter { !$0.isReserved }.map(\.name)
      .filter { !words.contains($0) }.sorted()
  }

  func entities() async throws -> [String] {
    guard let endpoint, case .present(let live) = try await APIProvider(client()).observe(endpoint) else { return [] }
    return live.entityNames.sorted()
  }

  func models() async throws -> [String] {
    try await ModelDirectoryClient(client()).models().compactMap(\.fullName)
  }

  func tokens() async throws -> [String] {
    Set(try await APIProvider(client()).tokens().compactMap(\.name)).sorted()
  }

  func fleets() async throws -> [String] {
    Set(try await history().fleets().map(\.name)).sorted()
  }

  func revisions() async throws -> [String] {
    guard let endpoint else { return [] }
    let key = EndpointKey(host: try access().target.url, name: endpoint)
    return try await history().memory(of: key).memory.revisions.filter(\.isGood).map { "\($0.number)" }
  }

  // MARK: - The command line so far

  private func access() throws -> ProviderAccess {
    try TargetResolver.system(environment: CommandContext.current.environment)
      .resolve(host: value(of: "--host"), profile: value(of: "--profile"))
  }

  private func client() throws -> ServingClient {
    let context = CommandContext.current
    let transport = context.transport
    return ServingClient(
      try access(), version: SetpointVersion.number,
      transport: { request in
        var request = request
        request.timeouts = Self.timeouts
        return try await transport(request)
      }, timing: context.timing, retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
  }

  private func history() throws -> HistoryStore {
    let environment = CommandContext.current.environment
    return try HistoryStore.openToRead(in: StateDirectory(named: value(of: "--state"), environment: environment))
  }

  /// The first word after the command that is not an option or its value, in `setpoint logs --host URL chat`.
  private var endpoint: String? {
    words.indices.dropFirst(2).first { index in
      let word = words[index]
      return !word.isEmpty && !word.hasPrefix("-") && !Self.valued.contains(words[index - 1])
    }.map { words[$0] }
  }

  /// The options before an endpoint's name that take a value.
  private static let valued: Set<String> = [
    "--host", "--profile", "--fleet", "--state", "--entity", "--to", "--timeout", "-o", "--output",
  ]

  private func value(of option: String) -> String? {
    if let index = words.firstIndex(of: option), index + 1 < words.count { return words[index + 1] }
    return words.lazy.compactMap { $0.hasPrefix("\(option)=") ? String($0.dropFirst(option.count + 1)) : nil }.first
  }
}
