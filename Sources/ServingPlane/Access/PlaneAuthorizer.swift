import HTTPSupport
import LibCrypto
import Synchronization

/// Who sends a request to the plane, and what they may do: the plane's tokens, and the grants on its endpoints, in
/// memory. The API and the gateway use the same one.
///
/// Tokens are found by the SHA-256 of their secret. The time of such a look-up says something about digests, which
/// reveal nothing about a random secret, and does not depend on the number of tokens.
final class PlaneAuthorizer: Authorizer {
  /// The principal of the token that the plane makes for its owner.
  static let adminName = "admin"
  /// The group of all administrators.
  static let administrators = "admins"

  private struct Entry: Sendable {
    var record: TokenRecord
    let principal: Principal
  }

  private struct State {
    var entries: [SHA256Digest: Entry] = [:]
    /// The times of uses that are not recorded yet, by the token's ID.
    var uses: [String: Int64] = [:]
  }

  let grants: EndpointGrants
  /// Nil for an empty token, which is a mistake and grants access to nobody.
  private let adminDigest: SHA256Digest?
  private let admin = Principal(
    name: PlaneAuthorizer.adminName, groups: [PlaneAuthorizer.administrators], rights: .admin)
  private let now: @Sendable () -> Int64
  private let state = Mutex(State())

  /// How often a token's use is noted, in milliseconds.
  private static let useEvery: Int64 = 60_000

  /// - Parameters:
  ///   - adminToken: the token that the plane makes for its owner.
  ///   - now: milliseconds since 1970.
  init(adminToken: String, grants: EndpointGrants, now: @escaping @Sendable () -> Int64) {
    adminDigest = adminToken.isEmpty ? nil : SHA256.hash(adminToken)
    self.grants = grants
    self.now = now
  }

  // MARK: Requests

  func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal {
    let digest = try Self.digest(authorization)
    if digest == adminDigest { return admin }
    let time = now()
    let found = state.withLock { state -> Result<Principal, AccessTokenDigest.Refusal> in
      guard let entry = state.entries[digest] else { return .failure(.wrong) }
      if entry.record.isExpired(at: time) { return .failure(.expired) }
      if entry.record.lastUsed.map({ time - $0 >= Self.useEvery }) ?? true {
        state.entries[digest]?.record.lastUsed = time
        state.uses[entry.record.id] = time
      }
      return .success(entry.principal)
    }
    return try found.get()
  }

  /// The token of a request with this `Authorization` header; nil for the plane's own, and for an unknown one.
  func token(authorization: String?) -> TokenRecord? {
    guard let digest = try? Self.digest(authorization) else { return nil }
    return state.withLock { $0.entries[digest]?.record }
  }

  private static func digest(_ authorization: String?) throws(AccessTokenDigest.Refusal) -> SHA256Digest {
    guard let authorization, !authorization.isEmpty else { throw .missing }
    guard let token = AccessToken.read(fromAuthorization: authorization) else { throw .malformed }
    return SHA256.hash(token)
  }

  func level(of principal: Principal, on endpoint: String) -> EndpointLevel? {
    let own = principal.rights.level(on: endpoint)
    if own == .manage { return own }
    guard let granted = grants.level(of: principal, on: endpoint) else { return own }
    return own.map { max($0, granted) } ?? granted
  }

  // MARK: Tokens

  /// The tokens, by name and age.
  var tokens: [TokenRecord] {
    state.withLock { state in state.entries.values.map(\.record) }
      .sorted { ($0.name, $0.created, $0.id) < ($1.name, $1.created, $1.id) }
  }

  /// Adds tokens, or replaces those with the same secret, and removes others by ID.
  func change(adding added: [TokenRecord], removing removed: Set<String> = []) {
    state.withLock { state in
      state.entries = state.entries.filter { !removed.contains($0.value.record.id) }
      for id in removed { state.uses[id] = nil }
      for var record in added {
        // A use may have been noted while the change was recorded.
        record.lastUsed = [record.lastUsed, state.entries[record.digest]?.record.lastUsed].compactMap(\.self).max()
        state.entries[record.digest] = Entry(record: record, principal: record.principal)
      }
    }
  }

  /// Returns the times of uses since the last call, by the token's ID.
  func takeUses() -> [String: Int64] {
    state.withLock { state in
      defer { state.uses = [:] }
      return state.uses
    }
  }
}
