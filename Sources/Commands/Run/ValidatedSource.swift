internal import Controller
internal import Endpoints

/// A source whose manifests are checked against the rules as they are read; refused ones are never sent.
struct ValidatedSource: ManifestSource {
  private let source: any ManifestSource
  private let validate: @Sendable (Manifest) -> [Finding]

  init(_ source: any ManifestSource, validate: @escaping @Sendable (Manifest) -> [Finding]) {
    self.source = source
    self.validate = validate
  }

  var description: String { source.description }

  func read() async throws -> SourceReading {
    let reading = try await source.read()
    return SourceReading(set: reading.set.validated(by: validate), commit: reading.commit, problem: reading.problem)
  }

  func changes() -> AsyncStream<Void> { source.changes() }
}
