internal import ArgumentParser
internal import CanonicalJSON
internal import ServingAPI

struct TokensRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke an access token at once.",
    discussion: """
      Its secrets stop working, the previous ones included. Permissions that manifests grant to its name stay, and \
      apply to the next token of that name.
      """)

  @Argument(help: "The token's name.", completion: .tokens) var name: String
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    try await connection.withTokens(name) { try await $0.revokeToken(name) }
    let console = CommandContext.current.console
    guard output == .text else {
      return try console.json(["kind": "RevokedToken", "name": .string(name), "revoked": true])
    }
    try console.result("\(name): revoked")
  }
}
