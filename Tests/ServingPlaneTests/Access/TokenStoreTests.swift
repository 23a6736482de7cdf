import FoundationEssentials
import HTTPSupport
import Logging
import Synchronization
import Testing

@testable import ServingPlane

/// Tokens over time.
@Suite struct TokenStoreTests {
  private let data = TestData()

  private final class Clock: Sendable {
    let now = Mutex<Int64>(1_767_225_600_000)

    func advance(seconds: Int64) { now.withLock { $0 += seconds * 1000 } }
  }

  private let clock = Clock()

  /// The tokens as a plane that starts now reads them.
  private func tokens() async throws -> TokenStore {
    for path in [data.settings.dataDirectory, data.settings.replicasPath] {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    let store = try EndpointStore(path: data.settings.storePath)
    let now: @Sendable () -> Int64 = { [clock] in clock.now.withLock { $0 } }
    let tokens = TokenStore(
      authorizer: PlaneAuthorizer(adminToken: "owner", grants: EndpointGrants(), now: now), store: store,
      writer: StoreWriter(
        store: store, reserve: DiskReserve(path: data.settings.reservePath, outputs: data.settings.replicasPath)),
      now: now, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await tokens.load()
    return tokens
  }

  private func request(_ name: String, lifetime: Int64? = nil) -> TokenStore.Request {
    TokenStore.Request(name: name, rights: TokenRights(.query), groups: ["g"], lifetime: lifetime.map { $0 * 1000 })
  }

  private func refusal(_ tokens: TokenStore, _ secret: String) -> AccessTokenDigest.Refusal? {
    do throws(AccessTokenDigest.Refusal) {
      _ = try tokens.authorizer.principal(authorization: "Bearer \(secret)")
      return nil
    } catch {
      return error
    }
  }

  @Test func `a token is valid until the moment it expires`() async throws {
    let tokens = try await tokens()
    let created = try await tokens.create(request("ci", lifetime: 60), by: "admin")
    clock.advance(seconds: 59)
    #expect(refusal(tokens, created.secret) == nil)
    clock.advance(seconds: 1)
    #expect(refusal(tokens, created.secret) == .expired)
    #expect(refusal(tokens, "spt_other") == .wrong)
    // It still has its name, until it is revoked.
    await #expect(throws: APIError.self) { try await tokens.create(request("ci"), by: "admin") }
    try await tokens.revoke("CI", by: "admin")
    #expect(refusal(tokens, created.secret) == .wrong)
  }

  @Test func `a rotated token lives on for the overlap, and the new one as long as the old one did`() async throws {
    let tokens = try await tokens()
    let admin = Principal(name: "admin", rights: .admin)
    let old = try await tokens.create(request("ci", lifetime: 1000), by: "admin")
    clock.advance(seconds: 900)
    let new = try await tokens.rotate("ci", overlap: 50_000, by: admin, with: nil)
    #expect(new.record.rights == old.record.rights && new.record.groups == ["g"])
    clock.advance(seconds: 49)
    #expect(refusal(tokens, old.secret) == nil && refusal(tokens, new.secret) == nil)
    #expect(tokens.tokens.count == 2)
    clock.advance(seconds: 1)
    #expect(refusal(tokens, old.secret) == .expired && refusal(tokens, new.secret) == nil)
    #expect(tokens.tokens.map(\.id) == [new.record.id])
    clock.advance(seconds: 949)
    #expect(refusal(tokens, new.secret) == nil)
    clock.advance(seconds: 1)
    #expect(refusal(tokens, new.secret) == .expired)
  }

  @Test func `a token that was revoked meanwhile does not rotate the one that has its name now`() async throws {
    let tokens = try await tokens()
    let old = try await tokens.create(request("ci"), by: "admin")
    try await tokens.revoke("ci", by: "admin")
    let new = try await tokens.create(request("ci"), by: "admin")
    await #expect(throws: APIError.self) {
      try await tokens.rotate("ci", overlap: 0, by: old.record.principal, with: old.record)
    }
    await #expect(throws: APIError.self) {
      try await tokens.rotate("ci", overlap: 0, by: old.record.principal, with: nil)
    }
    #expect(refusal(tokens, new.secret) == nil)
    _ = try await tokens.rotate("ci", overlap: 0, by: new.record.principal, with: new.record)
    #expect(refusal(tokens, new.secret) == .wrong)
  }

  @Test func `an overlap does not prolong a token`() async throws {
    let tokens = try await tokens()
    let old = try await tokens.create(request("ci", lifetime: 10), by: "admin")
    let admin = Principal(name: "admin", rights: .admin)
    _ = try await tokens.rotate("ci", overlap: 600_000, by: admin, with: nil)
    clock.advance(seconds: 10)
    #expect(refusal(tokens, old.secret) == .expired)
  }

  @Test func `a use is recorded at most once a minute, and the next plane reads it`() async throws {
    let tokens = try await tokens()
    let created = try await tokens.create(request("ci"), by: "admin")
    let first = clock.now.withLock { $0 }
    #expect(refusal(tokens, created.secret) == nil)
    #expect(tokens.authorizer.takeUses() == [created.record.id: first])
    clock.advance(seconds: 59)
    #expect(refusal(tokens, created.secret) == nil)
    #expect(tokens.authorizer.takeUses().isEmpty)
    clock.advance(seconds: 1)
    #expect(refusal(tokens, created.secret) == nil)
    await tokens.writeUses()
    let next = try await self.tokens()
    #expect(next.tokens.map(\.lastUsed) == [first + 60_000])
    #expect(refusal(next, created.secret) == nil && refusal(next, "owner") == nil)
  }
}
