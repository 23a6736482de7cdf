internal import Synchronization

/// Shows a ``ProgressBoard`` on standard error: on a terminal as lines that are drawn anew, elsewhere as one line for each
/// change.
final class ProgressDisplay: Sendable {
  private struct State {
    var board = ProgressBoard()
    /// How many lines stand on the terminal that the next drawing replaces.
    var drawn = 0
  }

  private let console: Console
  private let now: @Sendable () -> Int64
  /// Whether how each endpoint ended is told elsewhere, where the same person reads it.
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

  /// Takes the lines off a terminal on which the command now says how each endpoint ended.
  func finish() {
    state.withLock { state in
      if leavesEnds { erase(&state) }
    }
  }

  /// Says something between the progress lines.
  func say(_ line: String) {
    state.withLock { state in
      erase(&state)
      console.note(line)
      if console.isLive { draw(&state) }
    }
  }

  /// Shows at each beat, until there are no more, that time goes on while nothing changes: elapsed times on a terminal,
  /// elsewhere a line now and then.
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

  /// The endpoints that are still being worked on.
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
