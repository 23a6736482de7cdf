import FileSystem
import Foundation
import Testing

@Suite struct AtomicFileTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "setpoint-atomic-\(UUID())").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  @Test func `a file is created and replaced, and nothing else is left in its directory`() throws {
    try withDirectory { (directory) throws in
      let path = directory + "/file"
      try AtomicFile.replace(path, with: Array("one".utf8))
      #expect(try text(path) == "one")
      try AtomicFile.replace(path, with: Array(repeating: 0x61, count: 1 << 20), mode: 0o644)
      #expect(try text(path).utf8.count == 1 << 20)
      #expect(try names(directory) == ["file"])
    }
  }

  @Test func `a file that must not exist yet is created once`() throws {
    try withDirectory { (directory) throws in
      let path = directory + "/token"
      #expect(try AtomicFile.create(path, with: Array("first".utf8)))
      #expect(try !AtomicFile.create(path, with: Array("second".utf8)))
      #expect(try text(path) == "first")
      #expect(try names(directory) == ["token"])
    }
  }

  @Test func `only the owner can read it unless the caller says otherwise`() throws {
    try withDirectory { (directory) throws in
      let path = directory + "/secret"
      try AtomicFile.replace(path, with: [1])
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test func `an error is the operating system's, and the old file is unchanged`() throws {
    try withDirectory { (directory) throws in
      let missing = try #require(throws: SystemError.self) {
        try AtomicFile.replace(directory + "/none/file", with: [1])
      }
      #expect(missing.description == "No such file or directory")
      // A directory cannot be replaced by a file.
      let taken = directory + "/taken"
      try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
      #expect(throws: SystemError.self) { try AtomicFile.replace(taken, with: [1]) }
      #expect(try names(directory) == ["taken"])
    }
  }
}
