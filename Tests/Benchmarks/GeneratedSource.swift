import Controller
import Endpoints
import Synchronization

/// The manifests of a generated fleet as a source that caches what it parsed, as a watched directory does: after an
/// edit, only the edited manifest is parsed again.
final class GeneratedSource: ManifestSource {
  let description = "a generated fleet"
  private let state: Mutex<State>
  private let wakes: AsyncStream<Void>
  private let waker: AsyncStream<Void>.Continuation

  private struct State {
    var fleet: [GeneratedEndpoint]
    /// Empty until the first read.
    var files: [Endpoints.ManifestFile] = []
  }

  init(of count: Int) {
    state = Mutex(State(fleet: (0..<count).map(GeneratedEndpoint.init)))
    (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func read() async throws -> SourceReading {
    let files = state.withLock { state in
      if state.files.isEmpty { state.files = state.fleet.map { Self.parsed($0) } }
      return state.files
    }
    var reader = ManifestReader()
    for file in files { reader.add(file) }
    return SourceReading(set: reader.finish())
  }

  /// For one listener.
  func changes() -> AsyncStream<Void> { wakes }

  /// A user saves one manifest with a different tag.
  func edit(_ index: Int) {
    state.withLock { state in
      state.fleet[index].tier = state.fleet[index].tier == "gold" ? "silver" : "gold"
      if !state.files.isEmpty { state.files[index] = Self.parsed(state.fleet[index]) }
    }
    waker.yield()
  }

  private static func parsed(_ endpoint: GeneratedEndpoint) -> Endpoints.ManifestFile {
    let (file, bytes) = endpoint.file
    return Endpoints.ManifestFile(parsing: bytes, file: file)
  }
}
