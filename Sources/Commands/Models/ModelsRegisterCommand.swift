internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import FoundationEssentials
internal import ModelRegistry
internal import ServingAPI

struct ModelsRegisterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register",
    abstract: "Register a folder, or a model of the Hugging Face hub, as a version of a model.",
    discussion: """
      DIR is a folder with a config.json, which vLLM serves; an MLflow model folder whose MLmodel has a start command; \
      a LoRA adapter (adapter_config.json), to which engine.adapters of a manifest refers; or a folder with anything \
      else, served by the command in --entrypoint. It must be on the plane's machine. Its files are copied, except \
      those that a registered version has already. Links may point anywhere inside the folder, and from a snapshot of \
      the Hugging Face cache to that model's own blobs. With --hf, the plane downloads a model with the "hf" tool of \
      vLLM's environment and records the commit; a download that broke off is resumed. It uses HF_ENDPOINT of the \
      plane's environment, and HF_TOKEN or the secret hf/token. The plane continues if this command is interrupted: \
      "setpoint models list" shows the progress, and "setpoint models delete" cancels the registration. Prints the \
      version number.
      """)

  @Argument(help: "The model: catalog.schema.name, or a bare name.", completion: .models) var name: String
  @Argument(help: "The folder with the model.", completion: .directory) var directory: String?
  @Option(name: .customLong("hf"), help: ArgumentHelp("Download this model of the hub.", valueName: "ORG/MODEL"))
  var hub: String?
  @Option(
    help: ArgumentHelp("The branch, tag or commit to download. (default: the main branch)", valueName: "REVISION"))
  var revision: String?
  @Option(
    help: ArgumentHelp(
      "The version number to use, for example that of another registry. (default: the next)", valueName: "N"))
  var version: Int?
  @Option(
    help: ArgumentHelp("The start command. (default: from MLmodel, else vLLM on the config.json)", valueName: "COMMAND")
  )
  var entrypoint: String?
  @Option(
    help: ArgumentHelp(
      "The task, such as llm/v1/chat. (default: from MLmodel, else from config.json)", valueName: "TASK"))
  var task: String?
  @Option(help: ArgumentHelp("Point this alias at the new version.", valueName: "ALIAS")) var alias: String?
  @Flag(help: "Follow links that point outside the folder.") var followLinks = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    if let version, version < 1 { throw ValidationError("--version must be a positive integer") }
    if directory == nil, hub == nil { throw ValidationError("no folder is specified; pass DIR or --hf ORG/MODEL") }
    if directory != nil, hub != nil { throw ValidationError("DIR and --hf cannot be combined") }
    if hub == nil, revision != nil { throw ValidationError("--revision requires --hf ORG/MODEL") }
    if hub != nil, followLinks { throw ValidationError("--follow-links requires DIR") }
    try alias?.checkAsAlias()
  }

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let folder = directory.map { URL(filePath: $0).standardizedFileURL.path }
    let follower = RegistrationFollower(model: name, connection: connection, alias: alias?.withoutAt)
    let registered = try await follower.finish(try await register(folder, at: connection))
    let source = folder ?? registered.source ?? hub.map { "hf:\($0)" } ?? "-"
    guard let version = registered.version else {
      throw ErrorReport("\(connection.target.url) registered \(name), but returned no version")
    }
    console.note("registered \(name) version \(version) from \(source)")
    if output == .text { try console.result(String(version)) }
    if output == .json, alias == nil { try console.json(json(version, source)) }
    guard let alias else { return }
    let plain = alias.withoutAt
    try await connection.models.setAlias(plain, of: name, to: version)
    console.note("\(name)@\(plain) is version \(version)")
    if output == .json { try console.json(json(version, source, alias: plain)) }
  }

  private func register(_ folder: String?, at connection: Connection) async throws -> WireModelVersion {
    do {
      return try await connection.models.register(
        name, source: folder, hub: hub, revision: revision, version: version, entrypoint: entrypoint, task: task,
        followLinks: followLinks)
    } catch let error as ServingError where error.kind == .invalid {
      guard let folder, error.serverMessage.contains(folder) else { throw error }
      throw ErrorReport(
        "the directory cannot be registered", why: error.serverMessage,
        next: error.advice ?? Self.advice(folder, isOnThisMachine: connection.target.isLocalPlane))
    } catch let error as ServingError where error.isAbsence {
      guard let hub else { throw error }
      throw ErrorReport("\(hub) cannot be downloaded", place: error.call, why: error.serverMessage)
    } catch let error as ServingError where error.isNameTaken {
      throw ErrorReport(
        version.map { "\(name) already has version \($0)" } ?? "\(name) already has this version", place: error.call,
        why: error.serverMessage, next: version == nil ? "run the command again" : "omit --version to get the next one")
    } catch let error as ServingError where error.isCanceledRegistration {
      throw ErrorReport(
        "the registration of \(name) was canceled", place: error.call, why: error.serverMessage,
        next: "register it again if this was not intended")
    } catch let error as ServingError where error.kind == .conflict {
      throw ErrorReport(
        "\(name) cannot be registered now", place: error.call, why: error.serverMessage,
        next: "\"setpoint models list\" shows the progress of registrations")
    } catch let error as ServingError where error.hasNoResponse && error.outcomeUnknown {
      throw ErrorReport(interruptedRegistrationOf: name, name, error)
    }
  }

  /// Returns what to do about a directory that the provider refused; nil if its message is enough.
  private static func advice(_ source: String, isOnThisMachine: Bool) -> String? {
    guard isOnThisMachine else { return "the folder must be on the plane's machine, at the same absolute path" }
    guard !FileManager.default.fileExists(atPath: source), let slash = source.lastIndex(of: "/") else { return nil }
    let parent = source[...slash]
    let siblings = (try? FileManager.default.contentsOfDirectory(atPath: String(parent))) ?? []
    let near = Similarity.closest(to: String(source[source.index(after: slash)...]), among: siblings.sorted())
    return near.map { "did you mean \"\(parent)\($0)\"?" } ?? "pass the folder that contains the model"
  }

  private func json(_ version: Int64, _ source: String, alias: String? = nil) -> JSONValue {
    var members: [String: JSONValue] = [
      "kind": "ModelVersion", "model": .string(name), "version": .int(version), "source": .string(source),
    ]
    if let alias { members["alias"] = .string(alias) }
    return .object(members)
  }
}

extension String {
  /// The alias as the registry stores it; manifests write it with an `@`.
  var withoutAt: String { hasPrefix("@") ? String(dropFirst()) : self }

  /// Refuses what no registry accepts as an alias.
  func checkAsAlias() throws {
    let name = withoutAt
    let isName = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    guard isName, (1...255).contains(name.utf8.count) else {
      throw ValidationError("\"\(self)\" is not a valid alias; use letters, digits, \"-\" and \"_\"")
    }
    if name.lowercased() == "latest" {
      throw ValidationError("\"\(self)\" cannot be an alias: registries reserve this name")
    }
  }
}
