import FoundationEssentials
import History
import Storage
import Testing

@Suite struct StateDirectoryTests {
  @Test(
    arguments: [
      ("given", ["XDG_STATE_HOME": "/xdg", "HOME": "/home/a"], "given", "the flag comes first"),
      (nil, ["XDG_STATE_HOME": "/xdg", "HOME": "/home/a"], "/xdg/setpoint", "then XDG"),
      (
        nil, ["XDG_STATE_HOME": "xdg", "HOME": "/home/a"], "/home/a/.local/state/setpoint",
        "a relative XDG path is none"
      ),
      (nil, ["HOME": "/home/a"], "/home/a/.local/state/setpoint", "then the home directory"),
      ("", ["HOME": "/home/a"], "/home/a/.local/state/setpoint", "an empty flag is none"),
    ] as [(String?, [String: String], String, String)])
  func `the directory is the flag's, else XDG's, else the home directory's`(
    named: String?, environment: [String: String], path: String, why: String
  ) throws {
    #expect(try StateDirectory(named: named, environment: environment).path == path, "\(why)")
  }

  @Test func `without a home directory, the flag is required`() async {
    let error = await historyError { _ = try StateDirectory(named: nil, environment: [:]) }
    #expect(error?.kind == .noDirectory)
    #expect(error?.next?.contains("--state") == true)
  }

  @Test func `only the owner can read the created files`() async throws {
    try await withTemporaryDirectory { root in
      let path = "\(root)/a/b"
      _ = try HistoryStore.open(in: StateDirectory(path: path))
      #expect(try mode(of: "\(root)/a") == 0o700)
      #expect(try mode(of: path) == 0o700)
      for file in try FileManager.default.contentsOfDirectory(atPath: path) {
        #expect(try mode(of: "\(path)/\(file)") == 0o600, "\(file)")
      }
    }
  }

  @Test func `reading an empty history creates no files`() async throws {
    try await withTemporaryDirectory { root in
      _ = try HistoryStore.openToRead(in: StateDirectory(path: "\(root)/state"))
      #expect(!FileManager.default.fileExists(atPath: "\(root)/state"))
    }
  }

  @Test func `a file that is not a database is refused and not changed`() async throws {
    try await withTemporaryDirectory { root in
      let file = "\(root)/history.sqlite"
      let contents = Data("this is not a database, but somebody's notes ".utf8 + Array(repeating: 7, count: 4096))
      try contents.write(to: URL(filePath: file))
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: root)) }
      #expect(error?.kind == .damaged)
      #expect(error?.message.contains(file) == true)
      #expect(error?.next != nil)
      #expect(try Data(contentsOf: URL(filePath: file)) == contents)
    }
  }

  @Test
  func `a state directory that cannot be created is named`() async throws {
    try await withTemporaryDirectory { root in
      try Data().write(to: URL(filePath: "\(root)/file"))
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: "\(root)/file/state")) }
      #expect(error?.kind == .cannotOpen)
      #expect(error?.message.contains("\(root)/file/state") == true)
    }
  }

  @Test func `a key of the wrong length is refused, not replaced`() async throws {
    try await withTemporaryDirectory { root in
      try Data([1, 2, 3]).write(to: URL(filePath: "\(root)/history.key"))
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: root)) }
      #expect(error?.kind == .cannotOpen)
      #expect(try Data(contentsOf: URL(filePath: "\(root)/history.key")) == Data([1, 2, 3]))
    }
  }

  @Test func `a key that others could read is made private`() async throws {
    try await withTemporaryDirectory { root in
      let key = "\(root)/history.key"
      try Data(repeating: 9, count: 32).write(to: URL(filePath: key))
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
      _ = try HistoryStore.open(in: StateDirectory(path: root))
      #expect(try mode(of: key) == 0o600)
    }
  }
}
