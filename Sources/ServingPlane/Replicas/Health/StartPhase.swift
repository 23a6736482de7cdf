import Glibc
import Scheduling

/// A phase of a replica's start, as its output and its server show it. The start is over when it has generated a token.
enum StartPhase: String, Hashable, Sendable, CaseIterable, Comparable {
  /// It has not begun to load its weights.
  case starting
  case loading = "loading weights"
  /// Its weights are loaded, and it measures its memory and compiles or captures graphs; or its server answers, but it
  /// has not generated a token.
  case warming

  /// The furthest phase that an engine's output shows. An engine that prints nothing about its weights is starting
  /// until its server answers.
  static func shown(by log: String) -> StartPhase {
    // Not by characters: this is asked once a second or more, of up to 256 KiB.
    log.withCString { text -> StartPhase in
      if warmingMarks.contains(where: { strstr(text, $0) != nil }) { return .warming }
      return strstr(text, "Starting to load model") == nil ? .starting : .loading
    }
  }

  /// What vLLM prints once its weights are loaded (0.32): one of the first two, depending on the loader and the device,
  /// and the others in this order.
  private static let warmingMarks = [
    "Loading weights took", "Model loading took", "Warming up model", "KV cache size:", "Capturing CUDA graph",
    "init engine (",
  ]

  /// The phase of a replica that is on its way to ready; nil for any other.
  init?(_ state: ReplicaState) {
    switch state {
    case .pending, .starting: self = .starting
    case .loading: self = .loading
    case .warming: self = .warming
    case .ready, .draining, .stopping, .stopped, .failed: return nil
    }
  }

  /// The state of a replica in this phase.
  var state: ReplicaState {
    switch self {
    case .starting: .starting
    case .loading: .loading
    case .warming: .warming
    }
  }

  static func < (one: StartPhase, other: StartPhase) -> Bool { one.rank < other.rank }

  private var rank: Int {
    switch self {
    case .starting: 0
    case .loading: 1
    case .warming: 2
    }
  }
}
