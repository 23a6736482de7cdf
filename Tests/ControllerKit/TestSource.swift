package import Controller
internal import Endpoints
internal import Synchronization

/// A source that returns what a test puts into it.
package final class TestSource: ManifestSource {
  package let description = "a test"
  private let reading: Mutex<SourceReading>
  private let other: (any ManifestSource)?

  package init(_ files: [String: String] = [:], commit: String? = nil) {
    reading = Mutex(Self.reading(files, commit, nil))
    other = nil
  }

  /// Returns what another source returns.
  package init(_ other: any ManifestSource) {
    reading = Mutex(Self.reading([:], nil, nil))
    self.other = other
  }

  package func read() async throws -> SourceReading {
    if let other { return try await other.read() }
    return reading.withLock { $0 }
  }

  package func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  /// Replaces all files with these.
  package func set(_ files: [String: String], commit: String? = nil, problem: String? = nil) {
    reading.withLock { $0 = Self.reading(files, commit, problem) }
  }

  private static func reading(_ files: [String: String], _ commit: String?, _ problem: String?) -> SourceReading {
    let set = ManifestSet.read(files.sorted { $0.key < $1.key }.map { (file: $0.key, bytes: Array($0.value.utf8)) })
    return SourceReading(set: set, commit: commit, problem: problem)
  }

  package static func manifest(_ name: String = "chat", version: String, extra: String = "") -> String {
    """
    apiVersion: serving.setpoint.dev/v1alpha1
    kind: ServingEndpoint
    metadata:
      name: \(name)
    spec:
      model: \(ControllerEnvironment.model)
      entityVersion: "\(version)"
      workloadType: T4
      size: Small
      scaleToZero: false
    \(extra)
    """
  }
}
