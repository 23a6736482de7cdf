import EventFlags
import FoundationEssentials
import Testing

@testable import ServingPlane

/// Removing versions of an MLflow server from a plane's disk.
struct MLflowRemovalTests {
  private let data = TestData()
  private let stub = MLflowStub()
  private let models: MLflowModels
  private let one = ModelVersionID(model: "hello", number: 1)
  private let two = ModelVersionID(model: "hello", number: 2)

  init() {
    models = MLflowModels(server: stub.server, path: data.path + "/mlflow")
    stub.add(1)
    stub.add(2)
  }

  private static let weights = "artifacts/m/model.safetensors"

  private func download(_ number: Int) async throws {
    try await models.lookUp("hello", number)
    try await models.fetch("hello", number)
  }

  /// The names of everything in the model's folder, sorted; empty if there is none.
  private func names() -> [String] {
    let folder = models.cache.path + "/hello"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  @Test func `versions that nothing needs are listed and removed, and nothing else is`() async throws {
    try await download(1)
    try await download(2)
    for name in ["notes.txt", "7", "2-old", "02.json"] {
      try Data("mine".utf8).write(to: URL(filePath: models.cache.path + "/hello/" + name))
    }
    let before = names()
    let listed = models.leftovers(besides: [one])
    #expect(listed.map(\.what) == ["version 2 of model hello, which no endpoint needs"])
    #expect(listed.allSatisfy { $0.path.contains("/hello/2-") && $0.bytes > 0 }, "\(listed)")
    #expect(names() == before && models.leftovers(besides: [one, two]).isEmpty)

    let discarded = try models.discard(besides: [one])
    #expect(throws: ModelError.self) { try models.version("hello", 2) }
    #expect(try models.remove(discarded) == listed)
    #expect(names() == before.filter { !$0.hasPrefix("2-") && !$0.hasPrefix("2.") || $0 == "2-old" })
    #expect(models.leftovers(besides: [one]).isEmpty)
    _ = try models.version("hello", 1)
    try await download(2)
    #expect(stub.downloads.filter { $0 == Self.weights }.count == 3, "version 2 is downloaded again")
  }

  @Test func `a model without versions is gone, and one without a record is found`() async throws {
    try await download(1)
    try FileManager.default.removeItem(atPath: models.cache.path + "/hello/1.json")
    _ = try models.remove(try models.discard(besides: []))
    #expect(!FileManager.default.fileExists(atPath: models.cache.path + "/hello"))
  }

  @Test func `a version that is being downloaded, or is held, is not removed`() async throws {
    let (begun, gate) = (EventFlag(), EventFlag())
    stub.onDownload { file in
      guard file == Self.weights else { return }
      begun.set()
      await gate.wait()
    }
    async let downloaded: Void = download(1)
    await begun.wait()
    #expect(models.leftovers(besides: []).isEmpty)
    #expect(try models.discard(besides: []).isEmpty)
    gate.set()
    try await downloaded
    models.hold([one, two])
    models.hold([one])
    models.release([one, two])
    #expect(try models.discard(besides: []).isEmpty)
    models.release([one])
    #expect(try models.discard(besides: []).count == 1)
  }

  @Test func `an incomplete download, and what an earlier plane did not finish removing, are removed`() async throws {
    stub.breakOff(Self.weights, after: 1, 1, 1)
    await #expect(throws: ModelError.self) { try await download(1) }
    let words = "an incomplete download of version 1 of model hello, which no endpoint needs"
    #expect(models.leftovers(besides: []).map(\.what) == [words])
    // The next plane finds what this one has moved aside.
    _ = try models.discard(besides: [])
    #expect(models.leftovers(besides: []).isEmpty, "it is being removed")
    let next = MLflowModels(server: stub.server, path: data.path + "/mlflow")
    #expect(next.leftovers(besides: []).map(\.what) == ["a deleted version"])
    _ = try next.remove(try next.discard(besides: []))
    #expect(next.leftovers(besides: []).isEmpty)
  }
}
