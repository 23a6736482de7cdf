internal import Synchronization

/// Shows a ``ProgressBoard`` on standard error: on a terminal as lines that are redrawn, elsewhere as one line for each
/// change.
final class ProgressDisplay: Sendable {
  private struct State {
    var board = ProgressBoard()
    /// The number of lines on the terminal that the next drawing replaces.
    var drawn = 0
  }

  private let console: Console
  private let now: @Sendable () -> Int64
  /// Whether each endpoint's outcome is reported elsewhere in the same output.
  private let leavesEnds: Bool
  private let state = Mutex(State())

  init(console: Console, now: @escaping @Sendable () -> Int64, leavesEnds: Bool = false) {
    self.console = console
    self.now = now
    self.leavesEnds = leavesEnds
  }

  /// Shows a change.
  func note(_ progress: EndpointProgress) {
    state.withLock { state in
      let line = state.board.note(progress, now: now())
      if console.isLive {
        draw(&state)
      } else if let line, !(leavesEnds && progress.phase.isFinal) {
        console.note(line)
      }
    }
  }

  /// Removes the lines from a terminal on which the command now reports each endpoint's outcome.
  func finish() {
    state.withLock { state in
      if leavesEnds { erase(&state) }
    }
  }

  /// Prints a line between the progress lines.
  func say(_ line: String) {
    state.withLock { state in
      erase(&state)
      console.note(line)
      if console.isLive { draw(&state) }
    }
  }

  /// Shows at each beat, until they end, that time passes while nothing changes: elapsed times on a terminal, elsewhere
  /// an occasional line.
  func keepTime(_ heartbeat: @Sendable () async -> Bool) async {
    while await heartbeat() {
      state.withLock { state in
        if console.isLive {
          draw(&state)
        } else if let line = state.board.reminder(now: now()) {
          console.note(line)
        }
      }
    }
  }

  /// The unfinished endpoints.
  var unfinished: [EndpointProgress] { state.withLock { $0.board.unfinished } }

  private func draw(_ state: inout State) {
    let lines = state.board.lines(now: now(), size: console.size(), palette: console.notesPalette)
    console.redraw(lines, over: state.drawn)
    state.drawn = lines.count
  }

  private func erase(_ state: inout State) {
    if state.drawn > 0 { console.redraw([], over: state.drawn) }
    state.drawn = 0
  }
}
