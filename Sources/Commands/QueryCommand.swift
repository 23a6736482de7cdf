internal import ArgumentParser
internal import ServingAPI

struct QueryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Ask an endpoint and print its answer.")

  @Argument(help: "The endpoint's name.") var name: String
  @Argument(help: "The message to send; - reads it from standard input.") var prompt: String
  @Flag(help: "Print the answer piece by piece, as the model writes it.") var stream = false
  @Option(help: "Ask this served entity, whatever the traffic split.") var entity: String?
  @Option(
    help: ArgumentHelp("How long to wait for the whole answer; a model at zero is started first.", valueName: "TIME"))
  var timeout = TimeSpan(
    seconds: 600)
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    let console = Surroundings.current.console
    let message =
      prompt == "-" ? String(decoding: try Surroundings.current.readInput(), as: UTF8.self) : prompt
    do {
      if stream {
        var isAtLineStart = true
        for try await piece in try await connection.provider.streamChat(name, entity: entity, prompt: message) {
          try console.resultPiece(piece)
          isAtLineStart = piece.hasSuffix("\n")
        }
        if !isAtLineStart { try console.resultPiece("\n") }
      } else {
        let answer = try await connection.provider.ask(
          name, entity: entity, prompt: message, timeout: timeout.duration)
        guard (200..<300).contains(answer.status) else { throw refused(answer) }
        try console.result(answer.text)
      }
    } catch let error as ServingError where error.kind == .notFound {
      throw ErrorReport(
        "\(name) cannot be asked", place: error.call, why: error.serverMessage,
        next: "\"setpoint get\" lists the endpoints and their states")
    }
  }

  private func refused(_ answer: ChatAnswer) -> ErrorReport {
    let next =
      switch answer.status {
      case 404: "\"setpoint get\" lists the endpoints and their states"
      case 429, 503, 504: "try again later; \"setpoint describe \(name)\" shows what the endpoint is doing"
      default: "\"setpoint describe \(name)\" and \"setpoint logs \(name)\" may say more"
      }
    return ErrorReport("\(name) answered with status \(answer.status)", why: answer.text, next: next)
  }
}
