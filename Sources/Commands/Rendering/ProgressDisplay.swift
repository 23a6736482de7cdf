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
  private let state = Mutex(State())

  init(console: Console, now: @escaping @Sendable () -> Int64) {
    self.console = console
    self.now = now
  }

  /// Shows a change.
  func note(_ progress: EndpointProgress) {
    state.withLock { state in
      let line = state.board.note(progress, now: now())
      if console.isLive { draw(&state) } else if let line { console.note(line) }
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

  /// Lets elapsed times go on while nothing changes, until cancelled; only where lines are drawn anew.
  func keepTime(clock: some Clock<Duration> = ContinuousClock()) async {
    guard console.isLive else { return }
    while (try? await clock.sleep(for: .seconds(1))) != nil {
      state.withLock { draw(&$0) }
    }
  }

  /// The endpoints that are still being worked on.
  var unfinished: [EndpointProgress] { state.withLock { $0.board.unfinished } }

  private func draw(_ state: inout State) {
    let lines = state.board.lines(now: now(), size: console.size(), palette: console.notesPalette)
    // In one piece, so that no half-drawn screen is seen.
    console.notePiece(Self.erasure(of: state.drawn) + lines.map { $0 + "\n" }.joined())
    state.drawn = lines.count
  }

  private func erase(_ state: inout State) {
    if state.drawn > 0 { console.notePiece(Self.erasure(of: state.drawn)) }
    state.drawn = 0
  }

  /// Moves up over lines and clears from there (ECMA-48 CPL and ED).
  private static func erasure(of lines: Int) -> String { lines == 0 ? "" : "\u{1B}[\(lines)F\u{1B}[J" }
}
