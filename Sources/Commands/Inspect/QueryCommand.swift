internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import Planning
internal import ServingAPI

struct QueryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Send a message to an endpoint and print the answer.",
    discussion: """
      Waits for an endpoint that is starting, and shows its state on standard error; ends at once if the endpoint failed to \
      start. Control characters are escaped on a terminal; a file or a pipe receives every byte.
      """)

  @Argument(help: "The endpoint's name, or NAME:ADAPTER for one of its LoRA adapters.", completion: .endpoints)
  var name: String
  @Argument(help: "The message to send; - reads it from standard input.") var prompt: String
  @Flag(help: "Stream the answer as it is generated.") var stream = false
  @Option(help: "Send to this served entity regardless of the traffic split.", completion: .entities)
  var entity: String?
  @Option(
    help: ArgumentHelp("How long to wait for the whole answer, including a cold start.", valueName: "TIME"))
  var timeout = TimeSpan(
    seconds: 600)
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    guard !stream || output == .text else {
      throw ValidationError("--stream and -o json cannot be combined")
    }
    guard !endpoint.isEmpty, adapter?.isEmpty != true else {
      throw ValidationError("\"\(name)\" is not an endpoint's name; write NAME, or NAME:ADAPTER")
    }
  }

  /// An endpoint's name has no colon.
  private var endpoint: String { String(name.prefix { $0 != ":" }) }

  /// The LoRA adapter; nil for the endpoint's model itself.
  private var adapter: String? { name.firstIndex(of: ":").map { String(name[name.index(after: $0)...]) } }

  func run() async throws {
    let connection = try provider.connect()
    let message =
      prompt == "-" ? String(decoding: try CommandContext.current.readInput(), as: UTF8.self) : prompt
    let wait = AnswerWait(
      endpoint: endpoint, entity: entity, provider: connection.provider, target: connection.target.url,
      timeout: timeout.duration)
    if stream {
      try await print(
        try await wait.run { [endpoint, adapter] _ in
          try await connection.provider.streamChat(endpoint, entity: entity, adapter: adapter, prompt: message)
        })
    } else {
      try print(
        try await wait.run { [endpoint, adapter] left in
          try wait.checked(
            try await connection.provider.ask(
              endpoint, entity: entity, adapter: adapter, prompt: message, timeout: left))
        })
    }
  }

  private func print(_ pieces: ChatStream) async throws {
    let console = CommandContext.current.console
    var isAtLineStart = true
    for try await piece in pieces {
      try console.stream(piece)
      isAtLineStart = piece.hasSuffix("\n")
    }
    if !isAtLineStart { try console.stream("\n") }
  }

  private func print(_ answer: ChatAnswer) throws {
    let console = CommandContext.current.console
    guard output == .json else { return try console.stream(answer.text + "\n") }
    var members: [String: JSONValue] = [
      "kind": "Answer", "endpoint": .string(endpoint), "text": .string(answer.text),
      "milliseconds": .int(Int64(answer.elapsed / .milliseconds(1))),
    ]
    if let adapter { members["adapter"] = .string(adapter) }
    if let entity = answer.servedEntity { members["servedEntity"] = .string(entity) }
    try console.json(.object(members))
  }
}
