internal import ArgumentParser
internal import Diagnosis
internal import Endpoints
internal import ServingAPI

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say why an endpoint is not ready or not fast, and what to do.",
    discussion: """
      Judges the endpoint's state, its replicas, logs, requests and engine figures on a serving plane. Each cause has \
      what was measured, what it means and what to do; the worst one is the first. For a workspace, only its state, logs \
      and exported metrics can be checked.

      Exits with 1 if requests fail or nothing is served, otherwise with 0.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(help: ArgumentHelp("How far back requests, failures and figures go.", valueName: "TIME"))
  var since = TimeSpan(seconds: 900)
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  /// A plane keeps requests for longer, but what is wrong now does not show in a month's figures.
  private static let longest: Int64 = 604_800

  func validate() throws {
    guard (1...Self.longest).contains(since.seconds) else {
      throw ValidationError("--since must be between 1s and 7d")
    }
  }

  func run() async throws {
    let connection = try provider.connect()
    let live = try await LiveEndpoint.require(name, connection)
    let evidence = try await evidence(live, connection)
    let text = DiagnosisText(evidence)
    let console = CommandContext.current.console
    switch output {
    case .json: try console.json(text.json)
    case .text: for line in text.lines(console.outputPalette) { try console.result(line) }
    }
    if text.causes.contains(where: { $0.severity == .failing }) { throw ExitCode(1) }
  }

  private func evidence(_ live: LiveEndpoint, _ connection: Connection) async throws -> Evidence {
    let observed = ObservedEvidence(endpoint: live.observed, connection: connection)
    guard Cloud(url: connection.target.url) == nil, await connection.client.isPlane() else {
      return try await observed.ofWorkspace()
    }
    guard let wire = try await connection.provider.evidence(of: name, window: since.seconds * 1000) else {
      return try await observed.ofEarlierPlane()
    }
    return Evidence(wire, of: name)
  }
}
