internal import ControllerKit
internal import FoundationEssentials
internal import ServingAPI
internal import Synchronization
internal import TestKit

/// The manifests of a soak, in real files, and the version that each one requests.
final class SoakFleet {
  let count: Int
  private(set) var edits = 0
  private(set) var failures = 0
  private let directory: SoakDirectory
  private var asked: [Int]

  /// Versions that work; the next one does not.
  static let versions = 50
  private static let broken = versions + 1

  /// Endpoints 0 up to `endpoints`, all at version 1.
  init(in directory: SoakDirectory, endpoints: Int) throws {
    count = endpoints
    self.directory = directory
    asked = Array(repeating: 1, count: endpoints)
    for endpoint in 0..<endpoints { try write(endpoint) }
  }

  static func name(_ endpoint: Int) -> String { "e\(endpoint)" }

  func version(of endpoint: Int) -> Int { asked[endpoint] }

  func edit(_ endpoint: Int, to version: Int) throws {
    edits += 1
    asked[endpoint] = version
    try write(endpoint)
  }

  func breakVersion(of endpoint: Int) throws {
    failures += 1
    try edit(endpoint, to: Self.broken)
  }

  private func write(_ endpoint: Int) throws {
    let text = TestSource.manifest(Self.name(endpoint), version: "\(asked[endpoint])")
    try Data(text.utf8).write(to: URL(filePath: "\(directory.manifests)/\(Self.name(endpoint)).yaml"), options: .atomic)
  }

  func register(in workspace: WorkspaceDouble) {
    workspace.setModel(
      ControllerEnvironment.model,
      versions: Dictionary(uniqueKeysWithValues: (1...Int64(Self.broken)).map { ($0, .ready) }))
    workspace.setBehavior(
      .fails(message: "unsupported dtype"), model: ControllerEnvironment.model, version: "\(Self.broken)")
  }

  /// The jitter of intervals and backoff.
  var chance: @Sendable () -> Double {
    let generator = SharedGenerator()
    return { generator.chance() }
  }

  private final class SharedGenerator: Sendable {
    private let generator = Mutex(SeededGenerator(seed: 3))
    func chance() -> Double { generator.withLock { Double($0.next(below: 1000)) / 1000 } }
  }
}

/// Where a soak keeps manifests and history while it runs.
struct SoakDirectory {
  private let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/setpoint-soak-\(UUID().uuidString)"
    for folder in [manifests, state] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
  }

  var manifests: String { "\(path)/manifests" }
  var state: String { "\(path)/state" }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
