/// Merges events in quick succession: it is time to act when no event has come for a while, or some time after the
/// first. Times count from any fixed origin.
package struct Debounce {
  package let quiet: Duration
  package let longest: Duration
  private var first: Duration?
  private var last: Duration?

  package init(quiet: Duration = .milliseconds(100), longest: Duration = .seconds(1)) {
    self.quiet = quiet
    self.longest = longest
  }

  /// When to act; nil while there are no events.
  package var due: Duration? {
    guard let first, let last else { return nil }
    return min(last + quiet, first + longest)
  }

  package mutating func event(at now: Duration) {
    first = first ?? now
    last = now
  }

  package mutating func acted() {
    first = nil
    last = nil
  }
}
