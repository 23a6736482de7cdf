internal import ModelRegistry
internal import ServingAPI

/// Waits for versions that are still being registered, and lists them on standard error.
struct PendingVersions: Sendable {
  private let limit: Duration
  private let context: CommandContext

  /// - Parameter limit: how long to wait; nil: as long as registrations take.
  init(limit: Duration?, context: CommandContext) {
    self.limit = limit ?? RegistrationWait.standardLimit
    self.context = context
  }

  /// Runs the body that needs the versions. The wait starts here.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable (RegistrationWait?) async throws -> Value
  ) async throws -> Value {
    let display = ProgressDisplay(console: context.console, now: context.now)
    let wait = RegistrationWait(limit: limit, timing: context.timing) { name, event in
      display.note(Self.progress(name, event))
    }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body(wait) }
      group.addTask {
        await display.keepTime(context.heartbeat)
        return nil
      }
      defer { group.cancelAll() }
      while let ended = try await group.next() {
        if let value = ended { return value }
      }
      throw CancellationError()
    }
  }

  private static func progress(_ name: String, _ event: RegistrationWait.Event) -> EndpointProgress {
    switch event {
    case .waits(let words): EndpointProgress(endpoint: name, phase: .waiting, state: "waiting", detail: words)
    case .ended: EndpointProgress(endpoint: name, phase: .done, state: "registered")
    }
  }
}
