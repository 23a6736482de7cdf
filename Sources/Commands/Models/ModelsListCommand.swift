internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import ModelRegistry
internal import ServingAPI

struct ModelsListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List registered models with their versions and aliases.")

  @Argument(help: "Only this model.", completion: .models) var name: String?
  @Option(name: .outputFormat, help: "The output format: table or json.") var output = TableFormat.table
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let found = try await found(at: connection)
    let models = try await mapConcurrently(found, limit: 8) { model in
      ListedModel(model: model, versions: try await connection.models.versions(of: model.fullName ?? ""))
    }
    switch output {
    case .json:
      try console.json(["kind": "ModelList", "items": .array(models.map(\.json))])
    case .table:
      var table = Table(["MODEL", "VERSION", "STATUS", "SIZE", "ALIASES", "SOURCE"])
      for model in models { for row in model.rows { table.append(row) } }
      if table.isEmpty {
        return console.note("no models; \"setpoint models register NAME DIR\" adds one")
      }
      for model in models { for remark in model.remarks { console.note(remark) } }
      for line in table.lines(console.outputPalette) { try console.result(line) }
    }
  }

  private func found(at connection: Connection) async throws -> [WireRegisteredModel] {
    guard let name else { return try await connection.models.models() }
    do {
      return [try await connection.models.model(name)]
    } catch let error as ServingError where error.isAbsence {
      throw ErrorReport(
        "no registered model \(name)", place: error.call, why: error.serverMessage,
        next: await connection.models.suggestion(for: name) + "\"setpoint models list\" lists the models")
    }
  }
}

extension ModelDirectoryClient {
  /// Returns a question for the user about a model that was not found, with a space after it; empty if no other name is
  /// close.
  func suggestion(for model: String) async -> String {
    await nearest(to: model).map { "did you mean \"\($0)\"? " } ?? ""
  }
}

/// The `-o` values of lists with a single table.
enum TableFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case json
}

private struct ListedModel: Sendable {
  let model: WireRegisteredModel
  let versions: [WireModelVersion]

  var json: JSONValue {
    var members = model.json.objectValue ?? [:]
    members["versions"] = .array(versions.map(\.json))
    return .object(members)
  }

  /// Models and versions that cannot be served, with the registry's reasons.
  var remarks: [String] {
    let name = model.fullName ?? "?"
    let ofVersions = versions.compactMap { version -> String? in
      guard version.status != .ready, let reason = version.comment else { return nil }
      return remark(reason, about: "\(name) version \(version.version.map { String($0) } ?? "?")")
    }
    return (model.comment.map { [remark($0, about: name)] } ?? []) + ofVersions
  }

  /// A reason with what it is about, unless it names the model itself.
  private func remark(_ reason: String, about name: String) -> String {
    reason.contains("\"\(model.fullName ?? "?")\"") ? reason : "\(name): \(reason)"
  }

  var rows: [[Table.Cell]] {
    let name = model.fullName ?? "?"
    guard !versions.isEmpty else { return [[Table.Cell(name), "-", "-", "-", "-", "-"]] }
    return versions.map { version in
      let aliases = (model.aliases ?? []).filter { $0.versionNum == version.version }.compactMap(\.aliasName)
      let shown = aliases.isEmpty ? "-" : aliases.sorted().map { "@\($0)" }.joined(separator: ", ")
      return [
        Table.Cell(name), Table.Cell(version.version.map { String($0) } ?? "?"), Table.Cell(version.statusText),
        Table.Cell(version.sizeBytes.map { ByteCountText.rounded(bytes: Int(clamping: $0)) } ?? "-"),
        Table.Cell(shown), Table.Cell(version.source ?? "-"),
      ]
    }
  }
}
