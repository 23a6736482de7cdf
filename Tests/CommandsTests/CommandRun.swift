import Commands
import Synchronization

/// A command run in the test's own process, as a person would run it: arguments in, what it printed and its exit code out.
struct CommandRun {
  let code: Int32
  let output: String
  let notes: String

  init(
    _ arguments: [String], environment: [String: String] = [:], input: String = "", palette: Palette = .plain,
    now: Int64 = 1_767_225_600_000
  ) async {
    let written = Mutex((output: "", notes: ""))
    let surroundings = Surroundings(
      environment: environment,
      console: Console(
        writeOutput: { text in written.withLock { $0.output += text } },
        writeNotes: { text in written.withLock { $0.notes += text } }, outputPalette: palette, notesPalette: palette),
      now: { now }, readInput: { Array(input.utf8) })
    code = await Surroundings.$current.withValue(surroundings) { await SetpointCommand.run(arguments) }
    (output, notes) = written.withLock { $0 }
  }
}
