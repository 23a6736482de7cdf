internal import ArgumentParser
internal import LibCurl
internal import ServingAPI

extension CompletionKind {
  /// The names of live endpoints, queried from the provider that the command line names so far.
  ///
  /// A shell waits for this at a key press: a provider that is slow to answer is as good as none.
  static var endpoints: CompletionKind {
    .custom { words, _, prefix in await EndpointCompletion(words: words).names(beginningWith: prefix) }
  }

  /// A file of manifests, or a directory of them.
  static var manifests: CompletionKind { .file(extensions: ["yaml", "yml", "json"]) }
}

/// Completes the names of endpoints for a shell.
struct EndpointCompletion: Sendable {
  /// The command line's words.
  let words: [String]

  /// How long one call may take.
  static let timeouts = HTTPTimeouts(connect: .seconds(1), idle: .seconds(2), total: .seconds(2))

  func names(beginningWith prefix: String) async -> [String] {
    let context = CommandContext.current
    do {
      let access = try TargetResolver.system(environment: context.environment)
        .resolve(host: value(of: "--host"), profile: value(of: "--profile"))
      let transport = context.transport
      let client = ServingClient(
        access, version: SetpointVersion.number,
        transport: { request in
          var request = request
          request.timeouts = Self.timeouts
          return try await transport(request)
        }, timing: context.timing, retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
      return try await APIProvider(client).list().filter { !$0.isReserved }.map(\.name)
        .filter { $0.hasPrefix(prefix) && !words.contains($0) }.sorted()
    } catch {
      // A shell cannot show an error; the command itself will report it.
      return []
    }
  }

  private func value(of option: String) -> String? {
    if let index = words.firstIndex(of: option), index + 1 < words.count { return words[index + 1] }
    return words.lazy.compactMap { $0.hasPrefix("\(option)=") ? String($0.dropFirst(option.count + 1)) : nil }.first
  }
}
