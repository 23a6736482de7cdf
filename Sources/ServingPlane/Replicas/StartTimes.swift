import Durations

/// The phases of a replica's start that the plane has seen, in order, and how long they took.
struct StartTimes: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    let phase: StartPhase
    /// When it began, in milliseconds since 1970.
    let since: Int64
    /// How long it took, in milliseconds; nil while it lasts.
    let duration: Int64?
  }

  let entries: [Entry]

  /// - Parameters:
  ///   - created: when the start began, in milliseconds since 1970, as are all times.
  ///   - began: when each later phase began.
  ///   - end: when the replica was ready, or ended before that; nil while it starts.
  init(created: Int64, began: [StartPhase: Int64], end: Int64?) {
    var moments: [(phase: StartPhase, since: Int64)] = [(.starting, created)]
    for phase in StartPhase.allCases.dropFirst() {
      guard let since = began[phase], let last = moments.last else { continue }
      // The machine's clock may be set back.
      moments.append((phase, max(since, last.since)))
    }
    let ends = moments.dropFirst().map { Optional($0.since) } + [end]
    entries = zip(moments, ends).map { moment, end in
      Entry(phase: moment.phase, since: moment.since, duration: end.map { max(0, $0 &- moment.since) })
    }
  }

  /// The phase that lasts; nil once the start is over.
  var current: Entry? { entries.last { $0.duration == nil } }

  /// How long the finished phases took together, in milliseconds.
  var total: Int64 { entries.reduce(0) { $0 &+ ($1.duration ?? 0) } }

  /// ``total`` as text: the sum of the times in ``text``.
  var totalText: String { shown.sum }

  /// The finished phases: `starting 4s, loading weights 25s`; empty if there is none.
  var text: String {
    zip(entries, shown.parts).map { "\($0.phase.rawValue) \($1)" }.joined(separator: ", ")
  }

  /// The durations of the finished phases, which come before the one that lasts.
  private var shown: DurationParts { DurationParts(milliseconds: entries.compactMap(\.duration)) }
}
