import FoundationEssentials
import Glibc
import Testing

@testable import ServingPlane

struct ModelDirectoryTests {
  private let data = TestData()
  private var directory: ModelDirectory { ModelDirectory(path: data.path + "/models", now: { 1_700_000_000_000 }) }

  private func write(_ text: String, _ path: String) throws {
    let whole = data.path + "/" + path
    try FileManager.default.createDirectory(
      atPath: String(whole[..<(whole.lastIndex(of: "/") ?? whole.endIndex)]), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: whole))
  }

  private func inode(_ path: String) -> UInt {
    var status = stat()
    return stat(path, &status) == 0 ? UInt(status.st_ino) : 0
  }

  @Test func `an MLflow folder has its own entrypoint, in any YAML folding style`() throws {
    try write(
      """
      artifact_path: model
      metadata:
        entrypoint: python -u -m vllm.entrypoints.openai.api_server
          --model qwen3 --host 0.0.0.0
          --port 8080
        task: llm/v1/chat
      """, "src/MLmodel")
    try write("w", "src/artifacts/qwen3/config.json")
    let version = try directory.register("main.a.qwen3", from: data.path + "/src")
    #expect(version.number == 1)
    #expect(
      version.entrypoint
        == "python -u -m vllm.entrypoints.openai.api_server --model qwen3 --host 0.0.0.0 --port 8080")
    #expect(version.task == "llm/v1/chat")
    #expect(version.created == 1_700_000_000_000)
    #expect(FileManager.default.fileExists(atPath: version.artifacts + "/qwen3/config.json"))
    // What was given explicitly takes precedence over the file.
    let second = try directory.register("main.a.qwen3", from: data.path + "/src", entrypoint: "vllm serve qwen3")
    #expect(second.number == 2)
    #expect(second.entrypoint == "vllm serve qwen3")
    #expect(try directory.versions("main.a.qwen3").map { try $0.version.get().number } == [1, 2])
    #expect(directory.models() == ["main.a.qwen3"])
  }

  @Test func `files are copied, so that an edit in place changes no version, and links within the folder are followed`()
    throws
  {
    try write("small", "src/m/config.json")
    try write("blob", "src/blobs/abc")
    try FileManager.default.createSymbolicLink(
      atPath: data.path + "/src/m/linked.json", withDestinationPath: "../blobs/abc")
    let big = data.path + "/src/m/model.safetensors"
    try write("", "src/m/model.safetensors")
    #expect(truncate(big, 65 << 20) == 0)
    let version = try directory.register("q", from: data.path + "/src", entrypoint: "vllm serve m")
    #expect(inode(version.artifacts + "/m/model.safetensors") != inode(big))
    #expect(inode(version.artifacts + "/m/config.json") != inode(data.path + "/src/m/config.json"))
    try write("changed", "src/m/config.json")
    #expect(try String(contentsOfFile: version.artifacts + "/m/config.json", encoding: .utf8) == "small")
    var status = stat()
    #expect(lstat(version.artifacts + "/m/linked.json", &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFREG)
    #expect(FileManager.default.fileExists(atPath: big))
  }

  @Test(arguments: ["", "../x", "a/b", ".hidden", "a..b", "a b", "a\n", "ä", String(repeating: "x", count: 256)])
  func `a name that could leave the directory is refused`(_ name: String) throws {
    try write("x", "src/f")
    #expect { try directory.register(name, from: data.path + "/src", entrypoint: "v") } throws: {
      ($0 as? ModelError)?.code == .invalid
    }
    #expect(throws: ModelError.self) { try directory.version(name, 1) }
  }

  @Test func `an unusable source is refused and leaves nothing behind`() throws {
    try write("x", "src/f")
    try write("metadata: {task: x}\n", "bare/MLmodel")
    try write("metadata: [\n", "broken/MLmodel")
    let cases: [(String, String?, String)] = [
      ("relative", "v", "absolute path"), (data.path + "/nope", "v", "No such file"),
      (data.path + "/src/f", "v", "not a folder"),
      (data.path + "/src", nil, "--entrypoint"), (data.path + "/bare", nil, "metadata.entrypoint"),
      (data.path + "/broken", nil, "MLmodel"), (data.path + "/src", "a | b", "shell"),
      (data.path, "v", "plane's own folder"),
    ]
    try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
    for (source, entrypoint, says) in cases {
      #expect { try directory.register("q", from: source, entrypoint: entrypoint) } throws: { "\($0)".contains(says) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
  }

  @Test func `a version may be registered with the number that it has elsewhere`() throws {
    try write("x", "src/f")
    func register(_ number: Int?) throws -> Int {
      try directory.register("q", from: data.path + "/src", as: number, entrypoint: "v").number
    }
    #expect(try register(7) == 7)
    #expect(try register(3) == 3)
    #expect(try register(nil) == 8)
    #expect(try directory.versions("q").map(\.number) == [3, 7, 8])
    let error = #expect(throws: ModelError.self) { try register(7) }
    #expect(error?.code == .exists)
    #expect(error?.description.contains("already has version 7") == true)
    for number in [0, -1, Int.max] {
      #expect { try register(number) } throws: { ($0 as? ModelError)?.code == .invalid }
    }
    #expect(try directory.versions("q").map(\.number) == [3, 7, 8])
  }

  @Test func `of several registrations of one number, one succeeds`() async throws {
    let directory = directory
    try write("x", "src/f")
    let numbers = await withTaskGroup(of: Int?.self) { group in
      for _ in 0..<8 {
        group.addTask { try? directory.register("q", from: data.path + "/src", as: 5, entrypoint: "v").number }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(numbers.compactMap(\.self) == [5])
    #expect(try directory.versions("q").map(\.number) == [5])
  }

  @Test func `concurrent registrations each get their own number`() async throws {
    let directory = directory
    try write("x", "src/f")
    let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask { try directory.register("q", from: data.path + "/src", entrypoint: "v").number }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(numbers.sorted() == Array(1...8))
  }

  @Test func `incomplete files of a killed plane are removed`() throws {
    try write("x", "models/.incoming-abc/artifacts/f")
    directory.removeIncomplete()
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
  }
}

struct OutputFileTests {
  @Test func `the tail of an output begins with a whole line, and a large output is rotated`() throws {
    let data = TestData()
    let path = data.path + "/output.log"
    let lines = (0..<1000).map { "line \($0)\n" }.joined()
    try Data(lines.utf8).write(to: URL(filePath: path))
    let file = OutputFile(path)
    #expect(file.end() == lines)
    #expect(file.end(limit: 20) == "line 998\nline 999\n")
    file.rotate(limit: 100_000)
    #expect(file.end() == lines)
    file.rotate(limit: 1000)
    #expect(file.end() == "")
    #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == String(lines.suffix(1000)))
    #expect(OutputFile(data.path + "/nope").end() == "")
  }

  @Test func `the startup part of an output ends where the server reports that it has started`() throws {
    let data = TestData()
    let path = data.path + "/output.log"
    let start = "loading\nwarming up\n(APIServer pid=7) INFO:     Application startup complete.\n"
    try Data((start + "GET /health 200\nPOST /v1/chat/completions 200\n").utf8).write(to: URL(filePath: path))
    let file = OutputFile(path)
    #expect(file.start() == start)
    #expect(file.start(limit: start.utf8.count - 3)?.hasPrefix("warming up\n") == true)
    #expect(file.start(reach: 40) == nil)
    try Data("loading\n".utf8).write(to: URL(filePath: path))
    #expect(file.start() == nil)
    #expect(OutputFile(data.path + "/nope").start() == nil)
  }
}
