internal import Controller
internal import Endpoints

/// A source whose manifests are checked against the rules as they are read; refused ones are never sent.
struct JudgedSource: ManifestSource {
  private let source: any ManifestSource
  private let judge: @Sendable (Manifest) -> [Finding]

  init(_ source: any ManifestSource, judge: @escaping @Sendable (Manifest) -> [Finding]) {
    self.source = source
    self.judge = judge
  }

  var description: String { source.description }

  func read() async throws -> SourceReading {
    let reading = try await source.read()
    return SourceReading(set: reading.set.judged(by: judge), commit: reading.commit, problem: reading.problem)
  }

  func changes() -> AsyncStream<Void> { source.changes() }
}
