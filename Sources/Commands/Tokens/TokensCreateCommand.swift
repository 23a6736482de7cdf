internal import ArgumentParser
internal import Endpoints
internal import HTTPSupport
internal import ServingAPI

struct TokensCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create an access token, and print its secret once.",
    discussion: """
      NAME says who the token is for: a program, such as ci, or a user's email address. view shows endpoints and their \
      state; query also sends requests; manage also changes endpoints and registers models; admin also manages tokens. \
      With --endpoint, the token has this permission on these endpoints and none on others, and cannot create any. \
      Permissions on single endpoints can also be granted to its name or its groups, in spec.access of a manifest. \
      Prints only the secret on standard output: TOKEN=$(setpoint tokens create ci).
      """)

  @Argument(help: "The token's name.") var name: String
  @Option(help: "What its holder may do.") var can = TokenLevel.query
  @Option(
    name: .customLong("endpoint"),
    help: ArgumentHelp("Only on this endpoint. Can be repeated. (default: all endpoints)", valueName: "NAME"),
    completion: .endpoints)
  var endpoints: [String] = []
  @Option(
    name: .customLong("group"),
    help: ArgumentHelp("A group that it belongs to. Can be repeated.", valueName: "GROUP"))
  var groups: [String] = []
  @Option(help: ArgumentHelp("How long it works, such as 90d. (default: until it is revoked)", valueName: "TIME"))
  var expires: TimeSpan?
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    if can == .admin, !endpoints.isEmpty {
      throw ValidationError("--can admin applies to all endpoints; omit --endpoint, or use --can manage")
    }
    if let expires, expires.seconds == 0 { throw ValidationError("--expires must be more than 0s") }
  }

  func run() async throws {
    let request = WireTokenRequest(
      name: name, can: can.rawValue, endpoints: endpoints.isEmpty ? nil : Self.distinct(endpoints),
      groups: groups.isEmpty ? nil : Self.distinct(groups), expiresInSeconds: expires?.seconds)
    let connection = try provider.connect()
    do {
      let token = try await connection.withTokens { try await $0.createToken(request) }
      try IssuedToken(token, name: name).show(output, of: connection.target)
    } catch let error as ServingError where error.kind == .conflict {
      throw ErrorReport(
        "token \"\(name)\" already exists", place: error.call, why: error.serverMessage,
        next: "choose another name; \"setpoint tokens rotate \(ShellWord.quoted(name))\" replaces its secret")
    }
  }

  private static func distinct(_ words: [String]) -> [String] {
    var seen: Set<String> = []
    return words.filter { seen.insert($0).inserted }
  }
}
