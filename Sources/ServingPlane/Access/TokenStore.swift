import HTTPSupport
import LibCrypto
import Logging

/// The plane's tokens: each change is in the store before it applies. Requests find them in ``PlaneAuthorizer``.
actor TokenStore {
  /// What a new token allows.
  struct Request: Sendable {
    let name: String
    let rights: TokenRights
    let groups: Set<String>
    /// In milliseconds; nil for no end.
    let lifetime: Int64?
  }

  /// A new token, with the secret that nobody can read again.
  struct Created: Sendable {
    let record: TokenRecord
    let secret: String
  }

  nonisolated let authorizer: PlaneAuthorizer
  private let store: EndpointStore
  private let writer: StoreWriter
  private let now: @Sendable () -> Int64
  private let log: Logger
  /// Serializes what changes tokens.
  private let changes = ChangeQueue()

  /// How often uses are written.
  private static let writeEvery: Duration = .seconds(5)

  init(
    authorizer: PlaneAuthorizer, store: EndpointStore, writer: StoreWriter, now: @escaping @Sendable () -> Int64,
    log: Logger
  ) {
    self.authorizer = authorizer
    self.store = store
    self.writer = writer
    self.now = now
    self.log = log
  }

  /// Reads the tokens. One that cannot be read admits nobody.
  func load() async throws {
    let (tokens, damaged) = try await BlockingWork.brief.run { [store] in try store.tokens() }
    for name in damaged {
      log.error(
        "a token cannot be read from the store and is not valid; create it again",
        metadata: ["name": "\(name)"])
    }
    authorizer.change(adding: tokens)
  }

  // MARK: Uses

  /// Records when tokens are used, until the task is canceled or another plane has taken over.
  func recordUses(until isOver: @Sendable () -> Bool) async {
    while !Task.isCancelled, !isOver() {
      try? await Task.sleep(for: Self.writeEvery)
      if !isOver() { await writeUses() }
    }
  }

  func writeUses() async {
    let uses = authorizer.takeUses()
    guard !uses.isEmpty else { return }
    do { try await writer.noteUses(uses) } catch {
      log.warning("the last uses of tokens could not be recorded", metadata: ["error": "\(error)"])
    }
  }

  // MARK: Changes

  /// All tokens that have not been replaced, and those that live on although they have been.
  nonisolated var tokens: [TokenRecord] {
    let time = now()
    return authorizer.tokens.filter { $0.replaced == nil || !$0.isExpired(at: time) }
  }

  /// - Parameter creator: the name of who creates it.
  func create(_ request: Request, by creator: String) async throws(APIError) -> Created {
    try await changes.run { () async throws(APIError) -> Created in
      if same(request.name, PlaneAuthorizer.adminName) || named(request.name) != nil {
        throw APIError.tokenExists(request.name)
      }
      let created = try Self.make(request, by: creator, at: now())
      try await save([created.record], deleting: leftovers(of: request.name))
      log.info("token created", metadata: ["name": "\(request.name)", "principal": "\(creator)"])
      return created
    }
  }

  /// Revokes every token of a name.
  func revoke(_ name: String, by principal: String) async throws(APIError) {
    try await changes.run { () async throws(APIError) -> Void in
      try Self.refuseAdmin(name)
      let ids = Set(authorizer.tokens.filter { same($0.name, name) }.map(\.id))
      guard !ids.isEmpty else { throw APIError.noToken(name) }
      try await save([], deleting: ids)
      log.info("token revoked", metadata: ["name": "\(name)", "principal": "\(principal)"])
    }
  }

  /// Replaces a token by one with the same rights and the same lifetime.
  ///
  /// - Parameters:
  ///   - overlap: how long the old one lives on, in milliseconds. One that has been replaced before ends now.
  ///   - sender: the token of who requests it; nil for the plane's own.
  func rotate(
    _ name: String, overlap: Int64, by principal: Principal, with sender: TokenRecord?
  ) async throws(APIError) -> Created {
    try await changes.run { () async throws(APIError) -> Created in
      guard principal.rights.level == .admin || same(principal.name, name) else {
        throw APIError.denied(
          "principal \"\(principal.name)\" may rotate only its own token: the token \"\(name)\" can be rotated by its "
            + "holder and by administrators")
      }
      // Since the request was admitted, its token may have been revoked, and the name given to somebody else.
      guard principal.name == PlaneAuthorizer.adminName || authorizer.tokens.contains(where: { $0.id == sender?.id })
      else { throw APIError(AccessTokenDigest.Refusal.wrong) }
      try Self.refuseAdmin(name)
      guard var old = named(name) else { throw APIError.noToken(name) }
      if let sender, same(sender.name, name), sender.replaced != nil {
        throw APIError.denied("this token has been replaced; rotate the one that replaced it")
      }
      let time = now()
      let request = Request(
        name: old.name, rights: old.rights, groups: old.groups, lifetime: old.expires.map { $0 - old.created })
      let created = try Self.make(request, by: principal.name, at: time)
      var saved = [created.record]
      var deleted = leftovers(of: name)
      if overlap > 0, !old.isExpired(at: time) {
        old.replaced = time
        old.expires = min(old.expires ?? .max, time + overlap)
        saved.append(old)
      } else {
        deleted.insert(old.id)
      }
      try await save(saved, deleting: deleted)
      log.info("token rotated", metadata: ["name": "\(name)", "principal": "\(principal.name)"])
      return created
    }
  }

  // MARK: Inside

  private func save(_ saved: [TokenRecord], deleting deleted: Set<String>) async throws(APIError) {
    do { try await writer.changeTokens(saving: saved, deleting: deleted) } catch {
      log.error("the store could not be written", metadata: ["error": "\(error)"])
      throw .internal("the plane's store could not be written: \(error)")
    }
    authorizer.change(adding: saved, removing: deleted)
  }

  /// The token of a name that has not been replaced. Grants do not distinguish names by case, so tokens do not either.
  private func named(_ name: String) -> TokenRecord? {
    authorizer.tokens.first { same($0.name, name) && $0.replaced == nil }
  }

  /// The IDs of the tokens of a name that have been replaced.
  private func leftovers(of name: String) -> Set<String> {
    Set(authorizer.tokens.filter { same($0.name, name) && $0.replaced != nil }.map(\.id))
  }

  private nonisolated func same(_ one: String, _ other: String) -> Bool { one.lowercased() == other.lowercased() }

  private static func refuseAdmin(_ name: String) throws(APIError) {
    guard name.lowercased() == PlaneAuthorizer.adminName else { return }
    throw .invalid(
      "the token \"\(PlaneAuthorizer.adminName)\" is the plane's own and can be neither revoked nor rotated by a call; "
        + "remove the file \"token\" in its data directory and restart the plane, which then creates another one")
  }

  private static func make(_ request: Request, by creator: String, at now: Int64) throws(APIError) -> Created {
    do throws(SecureRandomUnavailable) {
      let secret = try "spt_" + Hexadecimal.encode(SecureRandom.bytes(count: 20))
      let record = TokenRecord(
        id: Hexadecimal.encode(try SecureRandom.bytes(count: 8)), name: request.name, digest: SHA256.hash(secret),
        rights: request.rights, groups: request.groups, created: now, createdBy: creator,
        expires: request.lifetime.map { now + $0 })
      return Created(record: record, secret: secret)
    } catch {
      throw .internal("the token cannot be created: \(error)")
    }
  }
}

extension APIError {
  fileprivate static func tokenExists(_ name: String) -> APIError {
    APIError(
      status: 409, code: "RESOURCE_ALREADY_EXISTS",
      message: "a token named \"\(name)\" already exists; choose another name, or rotate it with \"setpoint tokens "
        + "rotate\"")
  }

  fileprivate static func noToken(_ name: String) -> APIError { .missing("no token named \"\(name)\"") }
}
