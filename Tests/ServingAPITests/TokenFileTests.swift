import Foundation
import ServingAPI
import Testing

/// A token that a plane or a controller creates for itself, and that its user's commands read.
@Suite struct TokenFileTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory.appending(path: "token").path)
  }

  @Test func `a token is created once, for its user alone, and read afterwards`() throws {
    try withFile { file in
      let first = try TokenFile.token(at: file) { "a-token-of-tests-1" }
      let second = try TokenFile.token(at: file) { "a-token-of-tests-2" }
      #expect(first == "a-token-of-tests-1" && second == first)
      #expect(try TokenFile.token(at: file) == first)
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
      let folder = (file as NSString).deletingLastPathComponent
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["token"], "no other file is left")
    }
  }

  @Test func `two processes that create a token at the same time both use the first one`() throws {
    try withFile { file in
      let token = try TokenFile.token(at: file) {
        _ = try TokenFile.token(at: file) { "a-token-of-the-other" }
        return "a-token-that-is-late"
      }
      #expect(token == "a-token-of-the-other")
    }
  }

  @Test func `a token that others may read, an empty file and a missing one are refused with what to do`() throws {
    try withFile { file in
      #expect(throws: TargetError.self) { try TokenFile.token(at: file) }
      _ = try TokenFile.token(at: file) { "a-token-of-tests-1" }
      #expect(chmod(file, 0o644) == 0)
      let open = #expect(throws: TargetError.self) { try TokenFile.token(at: file) { "a-token-of-tests-2" } }
      #expect(open?.description.contains("other users can access it (mode 644)") == true)
      #expect(chmod(file, 0o600) == 0 && truncate(file, 0) == 0)
      let empty = #expect(throws: TargetError.self) { try TokenFile.token(at: file) { "a-token-of-tests-2" } }
      #expect(empty?.description.contains("a new token is created at the next start") == true)
    }
  }
}
