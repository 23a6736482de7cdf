package import Controller
package import Endpoints

/// A source whose manifests are checked against the rules as they are read; refused ones are never sent.
package struct ValidatedSource: ManifestSource {
  /// Returns the findings on one manifest.
  package typealias Check = @Sendable (Manifest) -> [Finding]

  private let source: any ManifestSource
  private let validation: @Sendable (ManifestSet) async -> Check

  /// - Parameter validation: returns the check for the manifests of one read.
  package init(
    _ source: any ManifestSource, validation: @escaping @Sendable (ManifestSet) async -> Check
  ) {
    self.source = source
    self.validation = validation
  }

  package var description: String { source.description }

  package func read() async throws -> SourceReading {
    let reading = try await source.read()
    let set = reading.set.validated(by: await validation(reading.set))
    return SourceReading(set: set, commit: reading.commit, problem: reading.problem)
  }

  package func changes() -> AsyncStream<Void> { source.changes() }
}
