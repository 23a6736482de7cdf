import FileSystem
import Foundation
import Testing

@Suite struct FileLockTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "setpoint-lock-\(UUID())").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory + "/lock")
  }

  @Test func `one of two has the lock, until it releases it`() throws {
    try withFile { (path) throws in
      let (one, two) = (try FileLock(opening: path), try FileLock(opening: path))
      #expect(try one.tryLock())
      #expect(try one.tryLock(), "and keeps it when it asks again")
      #expect(try !two.tryLock())
      #expect(try !two.lock(within: .zero), "waiting ends at its limit")
      one.release()
      one.release()
      #expect(try two.lock(within: .zero))
    }
  }

  @Test func `a lock that nothing refers to any more is released`() throws {
    try withFile { (path) throws in
      var one: FileLock? = try FileLock(opening: path)
      #expect(try one?.tryLock() == true)
      one = nil
      #expect(try FileLock(opening: path).tryLock())
    }
  }

  @Test func `several share a lock, and none has it alone`() throws {
    try withFile { (path) throws in
      let (one, two) = (try FileLock(opening: path), try FileLock(existing: path))
      #expect(try one.tryLock(.shared))
      #expect(try two.tryLock(.shared))
      #expect(try !one.tryLock())
    }
  }

  @Test func `its file is readable only by its owner, and is not created to read it`() throws {
    try withFile { (path) throws in
      let missing = try #require(throws: SystemError.self) { try FileLock(existing: path) }
      #expect(missing.description == "No such file or directory")
      let lock = try FileLock(opening: path)
      let mode = try FileManager.default.attributesOfItem(atPath: lock.path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test func `the holder's text is one line, and may be removed`() throws {
    try withFile { (path) throws in
      let (one, two) = (try FileLock(opening: path), try FileLock(opening: path))
      #expect(two.holder == nil)
      one.sign("pid 12345")
      one.sign("pid 7\u{1B}[31m\nmore")
      #expect(two.holder == "pid 7")
      one.sign(nil)
      #expect(two.holder == nil)
    }
  }

  @Test func `its contents are replaced in place, and the lock stays`() throws {
    try withFile { (path) throws in
      let lock = try FileLock(opening: path)
      #expect(try lock.tryLock())
      #expect(try lock.contents().isEmpty)
      for length in [10_000, 3, 0] {
        let bytes = [UInt8](repeating: 0x61, count: length)
        try lock.replaceContents(with: bytes)
        #expect(try lock.contents() == bytes)
      }
      #expect(lock.isInPlace)
      #expect(try !FileLock(opening: path).tryLock())
    }
  }

  @Test func `a file that was deleted or replaced is not in place`() throws {
    try withFile { (path) throws in
      let lock = try FileLock(opening: path)
      #expect(lock.isInPlace)
      try FileManager.default.removeItem(atPath: path)
      #expect(!lock.isInPlace)
      try Data().write(to: URL(filePath: path))
      #expect(!lock.isInPlace)
    }
  }
}
