import Commands
import ServingAPI
import Synchronization
import TestKit

/// A command run in the test's own process, as a user would run it: arguments in, output and exit code out.
struct CommandRun: CustomStringConvertible {
  let code: Int32
  let output: String
  let notes: String

  /// - Parameters:
  ///   - workspace: what answers at the address in the environment.
  ///   - transport: what answers instead; nil: the workspace.
  ///   - isOutputTerminal: whether standard output is a terminal.
  ///   - isLive: whether standard error is a terminal.
  ///   - isOneStream: whether both streams go to the same place.
  ///   - followed: clocks and pauses that replace those of `timing`.
  init(
    _ arguments: [String], environment: [String: String] = Self.environment, input: String = "",
    workspace: WorkspaceDouble = WorkspaceDouble(), transport: Transport? = nil, timing: TestTiming = TestTiming(),
    followed: Timing? = nil, palette: Palette = .plain, isOutputTerminal: Bool = false, isLive: Bool = false,
    isOneStream: Bool = false,
    interruption: @escaping @Sendable () async -> Bool = { await CommandRun.never() },
    heartbeat: @escaping @Sendable () async -> Bool = { await CommandRun.never() }
  ) async {
    let written = Mutex((output: "", notes: ""))
    let context = CommandContext(
      environment: environment,
      console: Console(
        writeOutput: { text in written.withLock { $0.output += text } },
        writeNotes: { text in written.withLock { $0.notes += text } }, outputPalette: palette, notesPalette: palette,
        isLive: isLive, isOutputTerminal: isOutputTerminal, isOneStream: isOneStream),
      now: { timing.timing.secondsSince1970() * 1000 }, readInput: { Array(input.utf8) },
      transport: transport ?? workspace.transport, timing: followed ?? timing.timing,
      interruption: interruption, heartbeat: heartbeat)
    code = await CommandContext.$current.withValue(context) { await SetpointCommand.run(arguments) }
    (output, notes) = written.withLock { $0 }
  }

  /// Nobody interrupts.
  static func never() async -> Bool {
    try? await Task.sleep(for: .seconds(3600))
    return false
  }

  /// An environment that names the workspace double.
  static let environment = [
    "DATABRICKS_HOST": "https://workspace.example.com", "DATABRICKS_TOKEN": "dapi-secret-token",
  ]

  var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { String($0) } }

  var description: String { "exit \(code)\n--- output\n\(output)--- notes\n\(notes)" }
}
