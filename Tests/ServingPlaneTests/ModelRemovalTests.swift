import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// Deleting versions of models, and removing what belongs to none.
@Suite(.timeLimit(.minutes(5))) struct ModelRemovalTests {
  private let data = TestData()
  private let models: String
  private let source: String

  init() throws {
    models = data.path + "/data/models"
    source = data.path + "/src"
    try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
    try write(String(repeating: "x", count: 2000), source + "/weights.bin")
  }

  private var directory: ModelDirectory { ModelDirectory(path: models, now: { 1_700_000_000_000 }) }

  private func write(_ text: String, _ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  private func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: models).sorted() }

  @discardableResult
  private func register(_ directory: ModelDirectory, _ model: String = "q", as number: Int? = nil) throws -> Int {
    try directory.register(model, from: source, as: number, entrypoint: "vllm serve m").number
  }

  // MARK: The directory

  @Test func `a deleted version is gone with its files, and its number is not assigned again`() throws {
    let directory = directory
    for _ in 0..<3 { try register(directory) }
    let folder = try directory.deleteVersion("q", 3)
    #expect(try directory.versions("q").map(\.number) == [1, 2])
    #expect(throws: ModelError.self) { try directory.version("q", 3) }
    #expect(try directory.removeFolder(folder) >= 2000)
    #expect(try files() == ["q"])
    #expect(try register(directory) == 4)
    // A number is free for whoever names it.
    #expect(try register(directory, as: 3) == 3)
  }

  @Test func `a model without versions is gone`() throws {
    let directory = directory
    try register(directory)
    try directory.setAlias("q", "champion", to: 1)
    try directory.removeFolder(try directory.deleteVersion("q", 1, aliases: ["champion"]))
    #expect(directory.models() == [])
    #expect(try files() == [])
    #expect(try register(directory) == 1)
    #expect(try directory.aliases("q").isEmpty)
  }

  @Test func `a version with an alias is deleted only if the alias is named`() throws {
    let directory = directory
    for _ in 0..<2 { try register(directory) }
    for alias in ["champion", "next"] { try directory.setAlias("q", alias, to: 1) }
    try directory.setAlias("q", "other", to: 2)
    let incomplete: [Set<String>] = [[], ["champion"]]
    for named in incomplete {
      let error = #expect(throws: ModelError.self) { try directory.deleteVersion("q", 1, aliases: named) }
      #expect(error?.code == .inUse)
      #expect(error?.description.contains("\"next\"") == true, "\(String(describing: error))")
      #expect(error?.description.contains("\"champion\"") == named.isEmpty)
    }
    let unknown = #expect(throws: ModelError.self) { try directory.deleteVersion("q", 1, aliases: ["other"]) }
    #expect(unknown?.code == .missing)
    #expect(try directory.aliases("q").count == 3)
    _ = try directory.deleteVersion("q", 1, aliases: ["champion", "next"])
    #expect(try directory.aliases("q") == ["other": 2])
  }

  @Test func `a missing version or model and an invalid name are refused`() throws {
    let directory = directory
    try register(directory)
    for (model, code) in [("q", ModelError.Code.missing), ("nope", .missing), ("..", .invalid)] {
      let error = #expect(throws: ModelError.self) { try directory.deleteVersion(model, 2) }
      #expect(error?.code == code)
      #expect(error?.description.contains("register") == false, "\(String(describing: error))")
    }
    #expect(try files() == ["q"])
  }

  @Test func `what belongs to no version is found and removed, and nothing else`() throws {
    let directory = directory
    try register(directory)
    try write("kept", models + "/notes/readme.txt")
    try write("kept", models + "/stray.txt")
    try write(String(repeating: "x", count: 1000), models + "/.incoming-old/artifacts/f")
    try write(
      #"{"model": "q", "version": 7, "source": "/srv/q"}"#, models + "/.incoming-named/version.json")
    try write("x", models + "/q/aliases.json.new")
    try FileManager.default.createDirectory(atPath: models + "/empty/versions", withIntermediateDirectories: true)
    _ = try directory.deleteVersion("q", try register(directory))
    let reservation = try directory.reserve("r", as: nil)
    try write("x", reservation.folder + "/artifacts/f")

    let found = directory.leftovers()
    #expect(found.count == 5, "\(found)")
    #expect(found.first { $0.path.hasSuffix("-old") }?.bytes == 1000)
    #expect(found.contains { $0.what == "an interrupted registration of q version 7 from /srv/q" }, "\(found)")
    #expect(try directory.collectGarbage().map(\.path) == found.map(\.path))
    #expect(directory.leftovers().isEmpty)
    #expect(try files() == [String(reservation.folder.dropFirst(models.count + 1)), "notes", "q", "stray.txt"])
    #expect(try directory.versions("q").map(\.number) == [1])
    #expect(FileManager.default.fileExists(atPath: reservation.folder + "/artifacts/f"))
    directory.release(reservation)
  }

  @Test func `what the plane did not create stays when the last version is deleted`() throws {
    let directory = directory
    try register(directory)
    try write("kept", models + "/q/notes.txt")
    try directory.removeFolder(try directory.deleteVersion("q", 1))
    #expect(directory.models() == [])
    #expect(try String(contentsOfFile: models + "/q/notes.txt", encoding: .utf8) == "kept")
    try register(directory, "r")
    try write("kept", models + "/r/versions/old/weights.bin")
    try directory.removeFolder(try directory.deleteVersion("r", 1))
    #expect(FileManager.default.fileExists(atPath: models + "/r/versions/old/weights.bin"))
    #expect(try directory.collectGarbage() == [])
  }

  @Test func `a model whose versions cannot be listed is not removed`() throws {
    try write("x", models + "/odd/versions")
    #expect(directory.leftovers() == [])
  }

  @Test func `a download that goes on is not removed, and one that ended is moved away from the next one`() throws {
    let directory = directory
    let hub = try HubModel("acme/tiny", revision: nil)
    let folder = try directory.reserveDownload(of: hub)
    try write("x", folder + "/blobs/weights.incomplete")
    #expect(directory.leftovers() == [])
    let busy = #expect(throws: ModelError.self) { try directory.reserveDownload(of: hub) }
    #expect(busy?.code == .inUse)
    directory.releaseDownload(folder)
    #expect(try directory.collectGarbage().map(\.path) == [folder])
    #expect(try files() == [])
  }

  @Test func `a reserved number is not assigned to another registration`() throws {
    let directory = directory
    let reservation = try directory.reserve("q", as: nil)
    #expect(reservation.number == 1)
    #expect(try register(directory) == 2)
    let error = #expect(throws: ModelError.self) { try register(directory, as: 1) }
    #expect(error?.code == .inUse)
    directory.release(reservation)
    #expect(try register(directory, as: 1) == 1)
  }

  @Test func `the size of a version is recorded, and of an older one counted`() throws {
    let directory = directory
    try register(directory)
    #expect(try directory.version("q", 1).size == 2000)
    #expect(FolderSize(of: try directory.version("q", 1).artifacts).bytes == 2000)
    #expect(FolderSize(of: models + "/nosuch").bytes == 0)
  }

  // MARK: Endpoints

  private static let versions = "/api/2.1/unity-catalog/models/q/versions"

  @Test func `a version is kept while an endpoint needs it, by name`() async throws {
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        for _ in 0..<4 { _ = try await plane.register("q", source) }
        _ = try await plane.create(
          "chat", [entity("q", 1), entity("q", 2)], traffic: ["q-1": 100, "q-2": 0])
        _ = try await plane.waitUntilSettled("chat")
        for (number, why) in [(1, #"endpoint "chat" serves it"#), (2, #"endpoint "chat" keeps it without traffic"#)] {
          let refused = try await plane.call("DELETE", "\(Self.versions)/\(number)")
          #expect(refused.status == 409 && refused.code == "RESOURCE_CONFLICT", "\(refused.text)")
          #expect(refused.message.contains(why), "\(refused.text)")
        }
        let deleted = try await plane.call("DELETE", "\(Self.versions)/4")
        #expect(deleted.status == 200, "\(deleted.text)")
        #expect(deleted.json["freed_bytes"]?.intValue ?? 0 >= 2000)
        #expect(deleted.json["model_deleted"] == false)

        _ = try await plane.put("chat", [entity("q", 3)])
        _ = try await plane.waitUntilSettled("chat")
        let previous = try await plane.call("DELETE", "\(Self.versions)/1")
        #expect(previous.status == 409 && previous.message.contains("may be rolled back to it"), "\(previous.text)")

        #expect(try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat").status == 200)
        try await eventually("the version is free") {
          try await plane.call("DELETE", "\(Self.versions)/3").status == 200
        }
        #expect(try await plane.call("GET", "\(Self.versions)/3").status == 404)
      }
    }
  }

  @Test func `a LoRA adapter is kept while a replica runs with it`() throws {
    let launch = LaunchConfig(
      model: "base", version: 1, workloadType: "CPU",
      environment: ["SETPOINT_ADAPTERS": #"[{"name":"tone","model":"main.support.tone","version":"3"}]"#])
    func clauses(_ number: Int) -> [String] {
      VersionUses(
        of: ModelVersionID(model: "main.support.tone", number: number), endpoints: [], previous: [:],
        replicas: [(endpoint: "chat", launch: launch)]
      ).clauses
    }
    #expect(clauses(3) == [#"a replica of endpoint "chat" that is being stopped runs it"#])
    #expect(clauses(1) == [])
  }

  @Test func `nothing is deleted without the token`() async throws {
    try await withPlane(data) { plane in
      _ = try await plane.register("q", source)
      for (method, path) in [("DELETE", "\(Self.versions)/1"), ("POST", "/api/2.1/unity-catalog/models:gc")] {
        let refused = try await plane.call(method, path, [:], headers: [])
        #expect(refused.status == 401, "\(method) \(path)")
      }
      #expect(try await plane.call("GET", "\(Self.versions)/1").status == 200)
    }
  }

  @Test func `the version that failed is free after a rollback, and the one before it is in use`() throws {
    let store = try EndpointStore(path: data.path + "/store.sqlite")
    func config(_ version: Int64, _ models: [Int]) -> PlaneConfig {
      PlaneConfig(
        version: version, startTime: 1,
        entities: models.map { number in
          PlaneEntity(
            name: "q-\(number)", entityName: "q", entityVersion: number, task: "llm/v1/chat", workloadType: "CPU",
            workloadSize: "Small", minConcurrency: nil, maxConcurrency: nil, scaleToZero: false, environment: [:],
            traffic: 100 / models.count, created: 1)
        })
    }
    var record = EndpointRecord(
      id: "a", name: "chat", creator: "tester", created: 1, updated: 1, description: "", tags: [:])
    // The models of each config that becomes active, and those of the config kept for a rollback.
    let steps: [(active: [Int], previous: Set<Int>?)] = [
      ([7], nil), ([7, 8], nil), ([8], [7, 8]), ([8], [7, 8]), ([7], nil), ([8], [7]), ([7], nil), ([9], [7]),
    ]
    for (index, step) in steps.enumerated() {
      record.active = config(Int64(index + 1), step.active)
      record.nextVersion = Int64(index + 2)
      try store.save(record)
      let previous = try store.previousConfigs()["a"]?.modelVersions
      #expect(previous.map { Set($0.map(\.number)) } == step.previous, "step \(index)")
    }
  }

  @Test func `files without a version are listed, and removed on request`() async throws {
    try await withPlane(data) { plane in
      _ = try await plane.register("q", source)
      try write("x", models + "/.deleted-abc/f")
      for (isDryRun, remains) in [(true, true), (false, false)] {
        let answer = try await plane.call(
          "POST", "/api/2.1/unity-catalog/models:gc", ["dry_run": .bool(isDryRun)])
        #expect(answer.status == 200, "\(answer.text)")
        let items = answer.json["items"]?.arrayValue ?? []
        #expect(items.map { $0["description"] } == ["a deleted version"], "\(answer.text)")
        #expect(FileManager.default.fileExists(atPath: models + "/.deleted-abc") == remains)
      }
      #expect(try await plane.call("GET", "\(Self.versions)/1").json["size_bytes"] == 2000)
      for method in ["GET", "DELETE"] {
        #expect(try await plane.call(method, "\(Self.versions)/01").status == 400, "\(method)")
      }
      let wrong = try await plane.call("POST", "/api/2.1/unity-catalog/models:gc", ["dry_run": "yes"])
      #expect(wrong.status == 400, "\(wrong.text)")
    }
  }
}
