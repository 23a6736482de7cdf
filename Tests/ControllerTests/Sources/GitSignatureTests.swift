import Controller
import Endpoints
import Foundation
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A git source that verifies signatures` {
  private let fixture: GitFixture

  init() async throws {
    fixture = try await GitFixture()
    try await makeKey("ada")
    try await makeKey("eve")
    try allow("ada")
  }

  private func makeKey(_ name: String) async throws {
    let result = try await Subprocess.run(
      .name("ssh-keygen"), arguments: ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", fixture.folder(name)],
      output: .discarded, error: .string(limit: 1 << 16))
    guard result.terminationStatus.isSuccess else { throw GitFixtureError(words: result.standardError) }
  }

  private func allow(_ names: String...) throws {
    let lines = try names.map { name in
      let key = try String(contentsOfFile: fixture.folder(name + ".pub"), encoding: .utf8)
      return "\(name)@example.com namespaces=\"git\" \(key)"
    }
    try fixture.folder.write(lines.joined(), "signers")
  }

  private func source() throws -> GitSource { try fixture.source(allowedSigners: fixture.folder("signers")) }

  private func commit(_ version: Int, signedBy name: String) async throws -> String {
    try await fixture.commit(
      ["fleet/a.yaml": manifestText("a", version: version)], "-c", "gpg.format=ssh", "-c",
      "user.signingkey=\(fixture.folder(name))", "-S")
  }

  @Test func `a commit that an allowed signer signed is used`() async throws {
    let signed = try await commit(1, signedBy: "ada")
    let reading = try await source().read()
    #expect(reading.commit == signed && reading.names == ["a"] && reading.problem == nil)
  }

  @Test
  func `an unsigned commit or one by an unknown signer leaves the last good commit in use and is named`() async throws {
    let good = try await commit(1, signedBy: "ada")
    let source = try source()
    _ = try await source.read()
    let unsigned = try await fixture.commit(["fleet/a.yaml": manifestText("a", version: 2)])
    let first = try await source.read()
    #expect(try first.commit == good && first.version(of: "a") == "1" && first.set.isComplete)
    #expect(
      first.problem?.contains("commit \(unsigned)") == true && first.problem?.contains("it has no signature") == true)
    let strange = try await commit(3, signedBy: "eve")
    let second = try await source.read()
    #expect(try second.commit == good && second.version(of: "a") == "1")
    #expect(second.problem?.contains("commit \(strange)") == true)
    #expect(second.problem?.contains("its signature is not valid") == true)
    // The same commit is valid from the moment its signer is.
    try allow("ada", "eve")
    let third = try await source.read()
    #expect(try third.commit == strange && third.version(of: "a") == "3" && third.problem == nil)
  }

  @Test func `if no commit was ever valid, there are no manifests`() async throws {
    try await fixture.commit(["fleet/a.yaml": manifestText("a")])
    let reading = try await source().read()
    #expect(reading.names.isEmpty && !reading.set.isComplete && reading.commit == nil)
    #expect(reading.problem?.contains("it has no signature") == true)
    try fixture.folder.remove("signers")
    let signed = try await commit(2, signedBy: "ada")
    let without = try await source().read()
    #expect(!without.set.isComplete && without.problem?.contains("commit \(signed)") == true)
  }

  @Test func `a commit that was used before verification was on is not a fallback`() async throws {
    try await fixture.commit(["fleet/a.yaml": manifestText("a")])
    #expect(try await fixture.source().read().names == ["a"])
    try fixture.folder.move("work", to: "away")
    let reading = try await source().read()
    #expect(reading.names.isEmpty && !reading.set.isComplete)
    #expect(reading.problem?.contains("the last good commit") == true)
    #expect(reading.problem?.contains("it has no signature") == true)
  }
}
