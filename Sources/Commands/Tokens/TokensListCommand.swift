internal import ArgumentParser
internal import CanonicalJSON
internal import ServingAPI

struct TokensListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the access tokens of a plane, without their secrets.",
    discussion: """
      A token that was rotated with --overlap has two rows until its previous secret expires. LAST USED is up to a \
      minute old.
      """)

  @Option(name: .outputFormat, help: "The output format: table or json.") var output = TableFormat.table
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let tokens = try await connection.withTokens { try await $0.tokens() }
      .sorted { ($0.name ?? "", $0.createdAt ?? 0) < ($1.name ?? "", $1.createdAt ?? 0) }
    switch output {
    case .json:
      try console.json(["kind": "TokenList", "items": .array(tokens.map(\.listed))])
    case .table:
      let now = CommandContext.current.now()
      var table = Table(["NAME", "CAN", "ENDPOINTS", "GROUPS", "CREATED", "LAST USED", "EXPIRES"])
      for token in tokens { table.append(token.row(now: now)) }
      if table.isEmpty { return console.note("no tokens; \"setpoint tokens create NAME\" creates one") }
      for line in table.lines(console.outputPalette) { try console.result(line) }
    }
  }
}

extension WireToken {
  /// The token for programs; the plane's own members would include a secret if it sent one.
  fileprivate var listed: JSONValue {
    func text(_ words: String?) -> JSONValue { words.map { .string($0) } ?? .null }
    func texts(_ words: [String]?) -> JSONValue { words.map { .array($0.map(JSONValue.string)) } ?? .null }
    func time(_ milliseconds: Int64?) -> JSONValue { text(milliseconds.map(TimeText.instant)) }
    return [
      "name": text(name), "id": text(id), "can": text(can), "endpoints": texts(endpoints),
      "groups": texts(groups ?? []),
      "created": time(createdAt), "createdBy": text(createdBy), "lastUsed": time(lastUsedAt),
      "expires": time(expiresAt), "replaced": time(replacedAt),
    ]
  }

  fileprivate func row(now: Int64) -> [Table.Cell] {
    func ago(_ milliseconds: Int64?) -> String? { milliseconds.map { "\(TimeText.age(milliseconds: now &- $0)) ago" } }
    let groups = (self.groups ?? []).sorted().joined(separator: ",")
    let expiry =
      switch expiresAt {
      case nil: "never"
      case .some(let end) where end <= now: "expired"
      case .some(let end): "in \(TimeText.age(milliseconds: end &- now))"
      }
    return [
      Table.Cell(name ?? "?"), Table.Cell(can ?? "-"), Table.Cell(endpoints?.sorted().joined(separator: ",") ?? "all"),
      Table.Cell(groups.isEmpty ? "-" : groups), Table.Cell(ago(createdAt) ?? "-"),
      Table.Cell(ago(lastUsedAt) ?? "never"), Table.Cell(replacedAt == nil ? expiry : "\(expiry) (replaced)"),
    ]
  }
}
