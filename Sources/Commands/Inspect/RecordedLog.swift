internal import CanonicalJSON
internal import ServingAPI

/// A regular expression for lines.
struct LinePattern {
  private let expression: Regex<AnyRegexOutput>

  init(_ text: String) throws { expression = try Regex(text) }

  func matches(_ line: String) -> Bool { line.contains(expression) }
}

/// The lines that a plane has recorded of an endpoint's replicas, also of those that have ended.
struct RecordedLog {
  let endpoint: String
  /// Milliseconds since 1970.
  let since: Int64
  let replica: String?
  let isPrevious: Bool
  private var after: Int64?

  init(endpoint: String, since: Int64, replica: String?, isPrevious: Bool) {
    self.endpoint = endpoint
    self.since = since
    self.replica = replica
    self.isPrevious = isPrevious
  }

  /// The next lines.
  ///
  /// - Returns: also whether these are the last ones that are recorded so far.
  mutating func next(_ provider: APIProvider) async throws -> (lines: [WireRecordedLine], isComplete: Bool) {
    let page = try await provider.recordedLines(
      of: endpoint, since: since, after: after, replica: replica, previous: isPrevious)
    // Without progress, the same page would follow.
    let isStuck = page.next == nil || page.next == after
    after = page.next ?? after
    return (page.lines, page.isComplete || isStuck)
  }
}

extension WireRecordedLine {
  /// The line for people.
  ///
  /// - Parameter isNamed: whether lines of other replicas may be beside it.
  func text(isNamed: Bool) -> String {
    guard isNamed, let replica else { return body }
    return "[\(replica)] \(body)"
  }

  /// The line for programs.
  var listed: JSONValue {
    func text(_ words: String?) -> JSONValue { words.map { .string($0) } ?? .null }
    return [
      "time": text(time.map(TimeText.instant)), "entity": text(entity), "version": text(modelVersion),
      "replica": text(replica), "severity": text(severity), "line": .string(body),
    ]
  }
}
