internal import ArgumentParser
internal import Controller
internal import FoundationEssentials
internal import HTTPSupport
internal import History
internal import LibCrypto
internal import Logging
internal import ServingAPI
internal import Synchronization

/// A controller's listener, notifications and log.
struct ObservabilityOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The address for metrics, probes and hooks.", valueName: "HOST:PORT"))
  var listen = ListenAddress.controller
  @Option(
    help: ArgumentHelp(
      "A file with the token required for pause, resume and sync. (default: listen-token in the state directory, "
        + "created if missing; none if --listen allows other machines)",
      valueName: "FILE"))
  var listenTokenFile: String?
  @Option(
    name: .customLong("allow-host"),
    help: ArgumentHelp(
      "An additional host name for the listener, such as that of a reverse proxy. May be repeated. (default: "
        + "this machine's own names; any, if --listen allows other machines)", valueName: "NAME"))
  var allowedHosts: [String] = []
  @Option(
    help: ArgumentHelp("A file with the secret used by the git host to sign calls to /hooks/git.", valueName: "FILE"))
  var hookSecretFile: String?
  @Option(
    name: .customLong("notify"),
    help: ArgumentHelp("The webhook URL for failures, rollbacks, recoveries and drift.", valueName: "URL"))
  var notifyURL: String?
  @Option(
    name: .customLong("notify-url-file"),
    help: ArgumentHelp("A file with that URL, if it is a secret.", valueName: "FILE"))
  var notifyURLFile: String?
  @Option(
    help: ArgumentHelp(
      "A JSON template to post, with placeholders such as {{endpoint}}. (default: all fields as one object)",
      valueName: "FILE"))
  var notifyTemplate: String?
  @Option(help: ArgumentHelp("The log format.", valueName: "text|json")) var logFormat = LogFormat.text
  @Flag(name: .shortAndLong, help: "Log at debug level.") var verbose = false

  init() {}

  func validate() throws {
    guard notifyURL == nil || notifyURLFile == nil else {
      throw ValidationError("--notify and --notify-url-file cannot be combined")
    }
    guard notifyTemplate == nil || notifyURL != nil || notifyURLFile != nil else {
      throw ValidationError("--notify-template requires --notify URL or --notify-url-file FILE")
    }
  }

  func logger(_ context: CommandContext) -> Logger {
    let level: Logger.Level = verbose ? .debug : .info
    return Logger(label: "setpoint") { _ in
      switch logFormat {
      case .text: ConsoleLog(console: context.console, now: context.now, logLevel: level)
      case .json: JSONLog(console: context.console, now: context.now, logLevel: level)
      }
    }
  }
}

extension ObservabilityOptions {
  /// Nil: no notifications.
  func notifier(_ context: CommandContext, metrics: ControllerMetrics, log: Logger) throws -> WebhookNotifier? {
    let address: @Sendable () -> WebhookURL
    if let notifyURLFile {
      let last = ReloadedWebhookURL(file: notifyURLFile, try Self.address(in: notifyURLFile), log: log)
      address = { last.current() }
    } else if let notifyURL {
      let url = try WebhookURL(notifyURL)
      address = { url }
    } else {
      return nil
    }
    var template = NotificationTemplate.standard
    if let notifyTemplate {
      template = try NotificationTemplate(
        parsing: Array(try ArgumentFile.read(notifyTemplate, holding: "the template").utf8), file: notifyTemplate)
    }
    return WebhookNotifier(
      to: address, template: template, transport: context.transport, timing: context.timing,
      log: log, record: { metrics.notified($0) })
  }

  /// The file with the listener's token; nil: callers may not change anything there.
  ///
  /// - Parameter state: where the controller keeps its own token.
  func tokenFile(in state: StateDirectory) -> String? {
    listenTokenFile ?? (Loopback.contains(listen.host) ? state.file("listen-token") : nil)
  }

  func listenerSettings(state: StateDirectory) throws -> ControllerListener.Settings {
    var settings = ControllerListener.Settings()
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let possible = try OpenFileLimit.sufficient().connections(perClient: 1, cores: cores)
    settings.clients.maxConnections = min(settings.clients.maxConnections, possible)
    settings.host = listen.host
    settings.port = Int(listen.port ?? ListenAddress.controllerPort)
    settings.allowedHosts = allowedHosts
    guard let file = tokenFile(in: state) else { return settings }
    let isNamed = listenTokenFile != nil
    let read = { @Sendable in
      isNamed ? try ArgumentFile.read(file, holding: "the listener's token") : try TokenFile.token(at: file)
    }
    // Errors are reported before anything starts; later, the file is read again for each call that needs it.
    _ = try isNamed ? read() : TokenFile.token(at: file) { try SecureRandom.token() }
    settings.token = {
      do { return .expected(try read()) } catch { return .unreadable("\(error)") }
    }
    return settings
  }

  /// Returns the check of a git host's calls; nil if there is no secret to check them with.
  func hook() throws -> WebhookReceiver? {
    guard let hookSecretFile else { return nil }
    let read = { @Sendable in Array(try ArgumentFile.read(hookSecretFile, holding: "the webhook secret").utf8) }
    _ = try read()
    return WebhookReceiver(secret: read)
  }

  fileprivate static func address(in file: String) throws -> WebhookURL {
    try WebhookURL(try ArgumentFile.read(file, holding: "the notification URL"))
  }
}

/// The address in a file, read again for each use; if it cannot be read, the previous one stays in use.
private final class ReloadedWebhookURL: Sendable {
  private let file: String
  private let log: Logger
  private let last: Mutex<(url: WebhookURL, isTold: Bool)>

  init(file: String, _ url: WebhookURL, log: Logger) {
    self.file = file
    self.log = log
    last = Mutex((url, false))
  }

  func current() -> WebhookURL {
    let read = Result { try ObservabilityOptions.address(in: file) }
    return last.withLock { last in
      switch read {
      case .success(let url): last = (url, false)
      case .failure(let error):
        if !last.isTold { log.warning("the previous notification URL stays in use", metadata: ["error": "\(error)"]) }
        last.isTold = true
      }
      return last.url
    }
  }
}

/// `--log-format`.
enum LogFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case text
  case json
}

extension ListenAddress {
  static let controllerPort: UInt16 = 7388
  static let controller = ListenAddress(host: "127.0.0.1", port: controllerPort)
}
