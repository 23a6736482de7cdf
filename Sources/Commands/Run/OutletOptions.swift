internal import ArgumentParser
internal import Controller
internal import Logging

/// Where a controller is asked, and whom it tells.
struct OutletOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Where metrics, probes and hooks are asked for.", valueName: "HOST:PORT"))
  var listen = ListenAddress.controller
  @Option(
    help: ArgumentHelp(
      "A file with the token that pause, resume and sync ask for; needed where others than this machine may reach them.",
      valueName: "FILE"))
  var listenTokenFile: String?
  @Option(
    help: ArgumentHelp("A file with the secret that a git host signs its calls to /hooks/git with.", valueName: "FILE"))
  var hookSecretFile: String?
  @Option(
    name: .customLong("notify"),
    help: ArgumentHelp("Where to post failures, rollbacks, recoveries and drift.", valueName: "URL"))
  var notifyURL: String?
  @Option(
    name: .customLong("notify-url-file"),
    help: ArgumentHelp("A file with that address, where it is a secret.", valueName: "FILE"))
  var notifyURLFile: String?
  @Option(
    help: ArgumentHelp(
      "A JSON file to post, with places such as {{endpoint}}. (default: all there is to say, as one object)",
      valueName: "FILE"))
  var notifyTemplate: String?
  @Option(help: ArgumentHelp("The form of log lines.", valueName: "text|json")) var logFormat = LogFormat.text
  @Flag(name: .shortAndLong, help: "Log each step.") var verbose = false

  init() {}

  func validate() throws {
    guard notifyURL == nil || notifyURLFile == nil else {
      throw ValidationError("Give --notify or --notify-url-file, not both.")
    }
    guard notifyTemplate == nil || notifyURL != nil || notifyURLFile != nil else {
      throw ValidationError("--notify-template needs --notify URL or --notify-url-file FILE.")
    }
  }

  func logger(_ surroundings: Surroundings) -> Logger {
    let level: Logger.Level = verbose ? .debug : .info
    return Logger(label: "setpoint") { _ in
      switch logFormat {
      case .text: ConsoleLog(console: surroundings.console, now: surroundings.now, logLevel: level)
      case .json: JSONLog(console: surroundings.console, now: surroundings.now, logLevel: level)
      }
    }
  }
}

extension OutletOptions {
  /// Nil: nobody is to be told.
  func notifier(_ surroundings: Surroundings, metrics: ControllerMetrics, log: Logger) throws -> WebhookNotifier? {
    var address = notifyURL
    if let notifyURLFile { address = try NamedFile.read(notifyURLFile, holding: "the address to notify") }
    guard let address else { return nil }
    var template = NoticeTemplate.standard
    if let notifyTemplate {
      template = try NoticeTemplate(
        parsing: Array(try NamedFile.read(notifyTemplate, holding: "the template").utf8), file: notifyTemplate)
    }
    return WebhookNotifier(
      try WebhookURL(address), template: template, transport: surroundings.transport, timing: surroundings.timing,
      log: log, record: { metrics.notified($0) })
  }

  func listenerSettings() throws -> ControllerListener.Settings {
    var settings = ControllerListener.Settings()
    settings.host = listen.host
    settings.port = Int(listen.port ?? ListenAddress.controllerPort)
    if let listenTokenFile { settings.token = try NamedFile.read(listenTokenFile, holding: "the listener's token") }
    return settings
  }

  /// Checks a git host's call; nil where no secret was given to check it with.
  func hook() throws -> (@Sendable (ListenerCalls.Hook) -> ListenerCalls.HookAnswer)? {
    guard let hookSecretFile else { return nil }
    let secret = Array(try NamedFile.read(hookSecretFile, holding: "the hooks' secret").utf8)
    return { hook in
      switch HookSignature.check(method: "POST", headers: hook.fields, body: hook.body, secret: secret) {
      case .accepted: .accepted("reads the source now")
      case .refused(let why): .refused(why)
      }
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
