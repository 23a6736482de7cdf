internal import ArgumentParser
internal import ServingAPI

struct TokensRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Replace the secret of an access token, and print the new one once.",
    discussion: """
      The name, the permissions and the groups stay. Without --overlap, the previous secret stops working at once. \
      Everybody may rotate their own token, an administrator every token.
      """)

  @Argument(help: "The token's name.", completion: .tokens) var name: String
  @Option(
    help: ArgumentHelp("How long the previous secret continues to work, such as 1h.", valueName: "TIME"))
  var overlap = TimeSpan(seconds: 0)
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    let token = try await connection.withTokens(name) {
      try await $0.rotateToken(name, overlapSeconds: overlap.seconds)
    }
    if output == .text {
      let console = CommandContext.current.console
      console.note(
        overlap.seconds == 0
          ? "the previous secret no longer works"
          : "the previous secret works for another \(overlap.defaultValueDescription)")
    }
    try IssuedToken(token, name: name).show(output, of: connection.target)
  }
}
