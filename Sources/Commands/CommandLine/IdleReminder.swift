internal import LibCurl
internal import ServingAPI
internal import Synchronization

/// Reports what a command is waiting for after it has printed nothing for a while.
///
/// Commands that show progress do so themselves and are never quiet that long. The others wait for responses of a
/// provider or a registry, or for the pause before a retry.
final class IdleReminder: Sendable {
  private struct State {
    var lastWritten: Duration
    let began: Duration
    /// The call that was sent last.
    var call: String?
    /// The status of its response; nil while it is in flight or if it failed.
    var status: Int?
  }

  /// How long a command may be quiet.
  static let limit = Duration.seconds(14)

  private let state: Mutex<State>
  private let elapsed: @Sendable () -> Duration

  /// Starts watching what is written to the console and sent through the transport.
  init(over context: inout CommandContext) {
    let elapsed = context.timing.elapsed
    let now = elapsed()
    self.elapsed = elapsed
    state = Mutex(State(lastWritten: now, began: now))
    context.console = context.console.telling { [self] in state.withLock { $0.lastWritten = elapsed() } }
    context.transport = { [transport = context.transport, self] request in
      let call = "\(request.method) \(PercentEncoding.decode(String(request.url.prefix { $0 != "?" })))"
      note(call: call, status: nil)
      let response = try await transport(request)
      note(call: call, status: response.status)
      return response
    }
  }

  private func note(call: String, status: Int?) {
    state.withLock {
      $0.call = call
      $0.status = status
    }
  }

  /// Prints a reminder at each heartbeat at which the command has been quiet for too long, until the heartbeats end.
  func run(_ context: CommandContext) async {
    while await context.heartbeat() {
      if let line = reminder() { context.console.note(line) }
    }
  }

  private func reminder() -> String? {
    let now = elapsed()
    return state.withLock { state in
      guard let call = state.call, now - state.lastWritten >= Self.limit else { return nil }
      let status = state.status.map { $0 >= 400 ? ", last response: HTTP \($0)" : "" } ?? ""
      return "still waiting for \(call) (\(TimeText.span(seconds: (now - state.began).components.seconds))\(status))"
    }
  }
}
