import CanonicalJSON
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import ServingPlane

/// What a registration accepts, what it refuses, and what a failed one leaves.
struct RegistrationTests {
  private let data = TestData()
  private let models: String
  private let source: String

  init() throws {
    models = data.path + "/data/models"
    source = data.path + "/src"
    for folder in [models, source, data.path + "/data/secrets/llm"] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try write("{}", source + "/config.json")
  }

  private var directory: ModelDirectory {
    ModelDirectory(path: models, own: [data.path + "/data"], now: { 1_700_000_000_000 })
  }

  private func write(_ text: String, _ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  @discardableResult
  private func register(
    _ source: String, followsLinks: Bool = false, copy: FolderCopy = FolderCopy()
  ) throws -> ModelVersion {
    try directory.register("q", from: source, entrypoint: "vllm serve m", followsLinks: followsLinks, copy: copy)
  }

  /// The error of a registration that must fail; checks that nothing of it is left.
  private func refusal(
    _ source: String, followsLinks: Bool = false, copy: FolderCopy = FolderCopy(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ModelError {
    let before = try FileManager.default.subpathsOfDirectory(atPath: models)
    let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) {
      try register(source, followsLinks: followsLinks, copy: copy)
    }
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: models) == before, "it left something",
      sourceLocation: sourceLocation)
    return try #require(error, sourceLocation: sourceLocation)
  }

  // MARK: Sources

  @Test(arguments: [
    "/", "/proc", "/proc/self", "/proc/1/fd", "/sys", "/sys/kernel", "/dev", "/dev/pts", "/proc/../proc/",
  ])
  func `system folders cannot be registered`(_ path: String) throws {
    guard access(path, F_OK) == 0 else { return }
    #expect(try refusal(path).description.contains("cannot be registered"))
    // Nor through a link, even if links are followed.
    try FileManager.default.createSymbolicLink(atPath: source + "/link", withDestinationPath: path)
    for follows in [true, false] {
      let error = try refusal(source, followsLinks: follows)
      #expect(error.description.contains("link"), "\(error)")
      #expect(error.description.contains("cannot be registered"), "\(error)")
    }
  }

  @Test(arguments: ["data", "data/models", "data/secrets", "data/secrets/llm", "data/../data/models", ""])
  func `the plane's own folders and their parents cannot be registered`(_ folder: String) throws {
    #expect(try refusal(data.path + "/" + folder).description.contains("plane's own folder"))
    try FileManager.default.createSymbolicLink(
      atPath: source + "/link", withDestinationPath: data.path + "/" + folder)
    #expect(try refusal(source, followsLinks: true).description.contains("plane's own folder"))
  }

  @Test func `a model in shared memory may be registered`() throws {
    let folder = "/dev/shm/spt-\(UInt32.random(in: .min ... .max))"
    try write("{}", folder + "/config.json")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try register(folder).number == 1)
  }

  // MARK: Links

  @Test(arguments: ["/etc/hostname", "../outside.txt", "../src/../outside.txt", "../srcret/key"])
  func `a link that leads out of the folder is refused unless links are followed`(_ target: String) throws {
    try write("secret", data.path + "/outside.txt")
    try write("secret", data.path + "/srcret/key")
    try FileManager.default.createSymbolicLink(atPath: source + "/m.json", withDestinationPath: target)
    guard access(source + "/m.json", F_OK) == 0 else { return }
    let error = try refusal(source)
    #expect(error.code == .invalid)
    #expect(error.description.contains("--follow-links"), "\(error)")
    #expect(error.description.contains(source + "/m.json"), "\(error)")
    let version = try register(source, followsLinks: true)
    var status = stat()
    #expect(lstat(version.artifacts + "/m.json", &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
  }

  @Test
  func `a folder behind a link out of the folder is refused, and so are a dangling link and one that leads back up`()
    throws
  {
    let link = source + "/link"
    for (target, says) in [
      ("/usr/lib", "--follow-links"), ("nowhere", "broken link"), (".", "a folder that contains it"),
    ] {
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
      #expect(try refusal(source).description.contains(says))
      try FileManager.default.removeItem(atPath: link)
    }
  }

  @Test func `a snapshot of the Hugging Face cache is registered with its own blobs and no others`() throws {
    let hub = data.path + "/hub"
    let snapshot = hub + "/models--acme--tiny/snapshots/abc123"
    try write("weights", hub + "/models--acme--tiny/blobs/0123")
    try write("other", hub + "/models--acme--other/blobs/4567")
    try write("{}", snapshot + "/onnx/config.json")
    try FileManager.default.createSymbolicLink(
      atPath: snapshot + "/model.safetensors", withDestinationPath: "../../blobs/0123")
    let version = try register(snapshot)
    #expect(try String(contentsOfFile: version.artifacts + "/model.safetensors", encoding: .utf8) == "weights")
    try FileManager.default.createSymbolicLink(
      atPath: snapshot + "/other.bin", withDestinationPath: hub + "/models--acme--other/blobs/4567")
    #expect(try refusal(snapshot).description.contains("other.bin"))
  }

  // MARK: Special files and names

  @Test func `special files are refused by name`() throws {
    let path = source + "/sub/odd"
    try FileManager.default.createDirectory(atPath: source + "/sub", withIntermediateDirectories: true)
    #expect(mkfifo(path, 0o600) == 0)
    let pipe = try refusal(source)
    #expect(pipe.description.contains("sub/odd is a named pipe"), "\(pipe)")
    unlink(path)
    let server = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(server) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    try #require(isBound)
    #expect(try refusal(source).description.contains("sub/odd is a socket"))
    unlink(path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
    #expect(try refusal(source, followsLinks: true).description.contains("/dev/zero"))
  }

  @Test func `an MLmodel that is a pipe or endless is refused at once`() throws {
    #expect(mkfifo(source + "/MLmodel", 0o600) == 0)
    #expect(throws: ModelError.self) { try directory.register("q", from: source) }
    unlink(source + "/MLmodel")
    try write(String(repeating: "# padding\n", count: 200_000), source + "/MLmodel")
    let large = #expect(throws: ModelError.self) { try directory.register("q", from: source) }
    #expect(large?.description.contains("MLmodel is larger than 1048576 bytes") == true, "\(String(describing: large))")
  }

  @Test(arguments: ["..", "a/../../b", "%2e%2e", "a%2Fb", "a\u{0}b", "x\u{202E}y", "-", ".", "a.", "versions/1"])
  func `names that could lead out of the models folder are refused everywhere`(_ name: String) throws {
    if name == "-" {
      // Unusual, and harmless.
      #expect(try directory.register(name, from: source, entrypoint: "v").artifacts.hasPrefix(models + "/-/"))
      return
    }
    #expect(throws: ModelError.self) { try directory.register(name, from: source, entrypoint: "v") }
    #expect(throws: ModelError.self) { try directory.version(name, 1) }
    #expect(throws: ModelError.self) { try directory.versions(name) }
    #expect(throws: ModelError.self) { try directory.setAlias(name, "a", to: 1) }
    try register(source)
    #expect(throws: ModelError.self) { try directory.setAlias("q", name, to: 1) }
  }

  @Test func `a version whose record was edited cannot point out of its folder`() throws {
    let version = try register(source)
    for artifacts in ["../../../secrets", "/etc", "artifacts/../../..", ""] {
      try write(
        "{\"entrypoint\": \"v\", \"artifacts\": \"\(artifacts)\"}",
        models + "/q/versions/\(version.number)/version.json")
      let error = #expect(throws: ModelError.self) { try directory.version("q", version.number) }
      #expect(error?.code == .damaged)
    }
  }

  // MARK: Damage

  @Test(arguments: ["", "{", "[]", "{\"entrypoint\": 7}", "\u{0}\u{0}"])
  func `one damaged version.json affects only itself and is named`(_ contents: String) throws {
    for _ in 0..<3 { try register(source) }
    let file = models + "/q/versions/2/version.json"
    try write(contents, file)
    _ = try directory.register("other", from: source, entrypoint: "v")
    #expect(directory.models() == ["other", "q"])
    let versions = try directory.versions("q")
    #expect(versions.map(\.number) == [1, 2, 3])
    #expect(versions.map { (try? $0.version.get()) != nil } == [true, false, true])
    let error = #expect(throws: ModelError.self) { try directory.version("q", 2) }
    #expect(error?.code == .damaged)
    #expect(error?.description.contains(file) == true)
    #expect(try directory.version("q", 3).number == 3)
    // Its number is not assigned again.
    #expect(try register(source).number == 4)
  }

  @Test func `the API lists a damaged version as failed with its reason, and the others as ready`() async throws {
    try await withPlane(data) { plane in
      for _ in 0..<2 { _ = try await plane.register("q", source) }
      _ = try await plane.register("r", source)
      try write("{", models + "/q/versions/1/version.json")
      try write("{", models + "/r/aliases.json")
      let base = "/api/2.1/unity-catalog/models"
      let versions = try await plane.call("GET", base + "/q/versions").json["model_versions"]?.arrayValue ?? []
      #expect(versions.map { $0["status"]?.stringValue } == ["FAILED_REGISTRATION", "READY"])
      #expect(versions.first?["comment"]?.stringValue?.contains("versions/1/version.json") == true)
      let list = try await plane.call("GET", base + "?include_aliases=true").json["registered_models"]?.arrayValue ?? []
      #expect(list.map { $0["full_name"]?.stringValue } == ["q", "r"])
      #expect(list.last?["comment"]?.stringValue?.contains("r/aliases.json") == true)
      let one = try await plane.call("GET", base + "/q/versions/1")
      #expect(one.status == 500 && one.message.contains("version 1 of model \"q\" is damaged"), "\(one.text)")
      #expect(try await plane.call("GET", base + "/q/versions/2").status == 200)
    }
  }

  // MARK: What is left

  @Test func `a registered model belongs to the plane's user alone, whatever the umask is`() throws {
    try write("#!/bin/sh\n", source + "/bin/serve.sh")
    #expect(chmod(source + "/bin/serve.sh", 0o777) == 0)
    #expect(chmod(source + "/config.json", 0o666) == 0)
    let version = try register(source)
    func mode(_ path: String) -> mode_t {
      var status = stat()
      return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }
    #expect(mode(version.artifacts) == 0o700)
    #expect(mode(version.artifacts + "/bin") == 0o700)
    #expect(mode(version.artifacts + "/bin/serve.sh") == 0o700)
    #expect(mode(version.artifacts + "/config.json") == 0o600)
  }

  @Test func `a disk that fills up during a copy is reported plainly, and nothing is left`() throws {
    try write(String(repeating: "x", count: 3 << 20), source + "/weights.bin")
    let written = Atomic(0)
    var copy = FolderCopy()
    copy.append = { descriptor, bytes in
      if written.add(bytes.count, ordering: .relaxed).newValue > 2 << 20 {
        errno = ENOSPC
        return -1
      }
      return Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }
    let error = try refusal(source, copy: copy)
    #expect(error.code == .storage)
    #expect(error.description.contains("No space left on device"), "\(error)")
    #expect(error.description.contains("weights.bin"), "\(error)")
    #expect(written.load(ordering: .relaxed) > 2 << 20)
    #expect(try register(source).number == 1)
  }

  @Test func `a model that does not fit is refused before anything is copied`() throws {
    try write(String(repeating: "x", count: 3 << 20), source + "/weights.bin")
    var copy = FolderCopy()
    copy.freeBytes = { _ in 2_000_000 }
    copy.append = { _, _ in
      Issue.record("something was copied")
      return -1
    }
    let error = try refusal(source, copy: copy)
    #expect(error.code == .storage)
    #expect(error.description.contains("4 MB must be copied, and only 2 MB are free"), "\(error)")
    // Linked files need no space.
    copy.linksFiles = true
    #expect(try register(source, copy: copy).number == 1)
  }

  @Test func `a canceled registration leaves nothing`() throws {
    for name in ["a", "b", "c"] { try write(String(repeating: name, count: 2 << 20), source + "/" + name) }
    for pieces in 0..<6 {
      let asked = Atomic(0)
      var copy = FolderCopy()
      copy.isCancelled = { asked.add(1, ordering: .relaxed).newValue > pieces }
      #expect(try refusal(source, copy: copy).code == .cancelled)
    }
    #expect(try register(source).number == 1)
  }

  @Test func `a client that disconnects during a copy does not end the registration`() async throws {
    for number in 0..<6 {
      let shard = source + "/shard-\(number).bin"
      try write("", shard)
      #expect(truncate(shard, 60 << 20) == 0)
    }
    @Sendable func incoming() -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []).filter { $0.hasPrefix(".incoming-") }
    }
    try await withPlane(data) { plane in
      let registration = Task { try await plane.register("q", source) }
      try await eventually("the copy began") { !incoming().isEmpty }
      registration.cancel()
      _ = await registration.result
      try await eventually("the version is ready") {
        try await plane.call("GET", "/api/2.1/unity-catalog/models/q/versions/1").json["status"] == "READY"
      }
      #expect(incoming().isEmpty)
    }
  }
}
