internal import ArgumentParser
internal import Charts
internal import Endpoints
internal import FileSystem
internal import ServingAPI

struct MetricsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics", abstract: "Show the figures of an endpoint over time, as charts.",
    discussion: """
      Requests, latencies, tokens, queue and cold starts come from the requests that a plane has recorded, the rest from \
      its engines' metrics. During a rollout, both versions are in the same chart. Percentiles are at most 5% off. Times \
      are in UTC.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(help: ArgumentHelp("Begin this long ago, such as 1h or 7d.", valueName: "TIME"))
  var since = TimeSpan(seconds: 3600)
  @Option(help: ArgumentHelp("End this long ago. (default: now)", valueName: "TIME")) var until: TimeSpan?
  @Option(
    help: ArgumentHelp("Write the charts to this file as SVG instead of printing them.", valueName: "FILE"),
    completion: .file(extensions: ["svg"]))
  var svg: String?
  @Option(
    name: .customLong("figure"),
    help: ArgumentHelp("Only this figure, such as latency. Can be repeated. (default: all)", valueName: "NAME"))
  var wanted: [String] = []
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  private static let longest: Int64 = 400 * 86_400

  func validate() throws {
    guard since.seconds > until?.seconds ?? 0 else {
      throw ValidationError("--since must be longer ago than --until")
    }
    guard since.seconds <= Self.longest else { throw ValidationError("--since must be at most 400d") }
  }

  func run() async throws {
    let connection = try provider.connect()
    let context = CommandContext.current
    try await connection.requirePlane(
      why: "this command shows what a plane has recorded",
      next: "select the plane with --host; a workspace shows its metrics in its own pages")
    _ = try await LiveEndpoint.require(name, connection)
    let now = context.now()
    let (start, end) = (now - since.seconds * 1000, now - (until?.seconds ?? 0) * 1000)
    let figures = try await connection.measured { try await $0.figures(of: name, since: max(0, start), until: end) }
    let shown = try selected(figures.figures)
    // Whatever the plane says, a time that can be counted with.
    let from = max(0, min(figures.from ?? start, 1 << 52))
    let span = from..<max(from + 1, figures.to ?? end)
    let charts = shown.map { FigureText.chart($0, span: span) }
    if let svg { try write(charts, to: svg) }
    switch output {
    case .json: try context.console.json(FigureText.json(name, figures, shown))
    case .text where svg == nil: try show(charts, context)
    case .text: break
    }
  }

  private func selected(_ figures: [WireFigure]) throws -> [WireFigure] {
    guard !wanted.isEmpty else { return figures.filter { !$0.series.isEmpty } }
    return try wanted.map { name in
      guard let figure = figures.first(where: { $0.name == name }) else {
        throw ErrorReport("\"\(name)\" is not a figure", next: Choices.advice(figures.map(\.name)))
      }
      return figure
    }
  }

  private func show(_ charts: [Chart], _ context: CommandContext) throws {
    guard !charts.isEmpty else {
      return context.console.note("no requests or metrics of \(name) are recorded in this time")
    }
    let characters = FigureText.characters(context.environment)
    let width = min(context.console.size().columns, 120)
    for (index, chart) in charts.enumerated() {
      if index > 0 { try context.console.result("") }
      for line in TerminalChart(chart, width: width, height: 8, characters: characters).lines {
        try context.console.result(line)
      }
    }
  }

  private func write(_ charts: [Chart], to path: String) throws {
    let sheet = ChartSheet(title: "Endpoint \(name)", charts: charts)
    do throws(SystemError) {
      try AtomicFile.replace(path, with: Array(sheet.text.utf8), mode: 0o666)
    } catch {
      throw ErrorReport(
        "cannot write \(path): \(error)", next: "check that its directory exists and that you may write to it")
    }
    CommandContext.current.console.note("wrote \(charts.count == 1 ? "1 chart" : "\(charts.count) charts") to \(path)")
  }
}
