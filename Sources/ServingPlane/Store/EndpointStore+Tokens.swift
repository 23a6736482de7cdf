import CanonicalJSON
import GRDB
import HTTPSupport
import LibCrypto

// The plane's tokens, without their secrets.
extension EndpointStore {
  /// All tokens that can be read, and the names of the damaged ones, which admit nobody.
  func tokens() throws -> (tokens: [TokenRecord], damaged: [String]) {
    try database.read { database -> (tokens: [TokenRecord], damaged: [String]) in
      var tokens: [TokenRecord] = []
      var damaged: [String] = []
      for row in try Row.fetchAll(database, sql: "SELECT * FROM token ORDER BY name, created_at, id") {
        do { tokens.append(try Self.token(row)) } catch {
          damaged.append((try? row.decode(String.self, forColumn: "name")) ?? "?")
        }
      }
      return (tokens, damaged)
    }
  }

  /// Writes new and changed tokens, and deletes others by ID, in one transaction.
  func changeTokens(saving saved: [TokenRecord], deleting deleted: Set<String>) throws {
    try database.write { database in
      for id in deleted { try database.execute(sql: "DELETE FROM token WHERE id = ?", arguments: [id]) }
      for token in saved {
        try database.execute(
          sql: """
            INSERT INTO token (id, name, digest, level, endpoints, groups, created_at, created_by, expires_at,
              last_used_at, replaced_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, replaced_at = excluded.replaced_at
            """,
          arguments: [
            token.id, token.name, token.digest.hexString, token.rights.level?.rawValue,
            token.rights.endpoints.map { Self.list($0) }, Self.list(token.groups), token.created, token.createdBy,
            token.expires, token.lastUsed, token.replaced,
          ])
      }
    }
  }

  /// Records when tokens were used, by the token's ID.
  func noteUses(_ uses: [String: Int64]) throws {
    try database.write { database in
      for (id, time) in uses {
        try database.execute(sql: "UPDATE token SET last_used_at = ? WHERE id = ?", arguments: [time, id])
      }
    }
  }

  private static func token(_ row: Row) throws -> TokenRecord {
    guard let digest = SHA256Digest(hex: try row.decode(forColumn: "digest")) else {
      throw UnreadableToken(what: "digest")
    }
    let level = try row.decode(String?.self, forColumn: "level")
    let rank = level.flatMap { TokenLevel(rawValue: $0) }
    // An unknown level is not the same as none.
    if level != nil, rank == nil { throw UnreadableToken(what: "level") }
    let endpoints = try row.decode(String?.self, forColumn: "endpoints").map { try names($0, "endpoints") }
    return TokenRecord(
      id: try row.decode(forColumn: "id"), name: try row.decode(forColumn: "name"), digest: digest,
      rights: TokenRights(rank, endpoints: endpoints),
      groups: try names(row.decode(String.self, forColumn: "groups"), "groups"),
      created: try row.decode(forColumn: "created_at"), createdBy: try row.decode(forColumn: "created_by"),
      expires: try row.decode(forColumn: "expires_at"), lastUsed: try row.decode(forColumn: "last_used_at"),
      replaced: try row.decode(forColumn: "replaced_at"))
  }

  private static func list(_ names: Set<String>) -> String {
    JSONValue.array(names.sorted().map { .string($0) }).text()
  }

  private static func names(_ document: String, _ what: String) throws -> Set<String> {
    guard let items = try JSONValue(parsing: document).arrayValue else { throw UnreadableToken(what: what) }
    let names = items.compactMap(\.stringValue)
    guard names.count == items.count else { throw UnreadableToken(what: what) }
    return Set(names)
  }
}

/// A token that cannot be read.
private struct UnreadableToken: Error {
  let what: String
}
