internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import ModelRegistry
internal import ServingAPI

struct ModelsDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete a version of a model that no endpoint needs.",
    discussion: """
      A version is kept while an endpoint serves it, is being updated to it, keeps it without traffic, or served it \
      before its current config and may be rolled back to it. It is also kept while an alias points to it that --alias \
      does not name. A model is deleted with its last version. A registration in progress is canceled.
      """)

  @Argument(help: "The model: catalog.schema.name.", completion: .models) var name: String
  @Option(help: ArgumentHelp("The version number.", valueName: "N")) var version: Int64
  @Option(
    help: ArgumentHelp(
      "Delete this alias of the version, too, with or without @. Can be repeated.", valueName: "ALIAS"))
  var alias: [String] = []
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    if version < 1 { throw ValidationError("--version must be a positive integer") }
    for name in alias { try name.checkAsAlias() }
  }

  func run() async throws {
    let connection = try provider.connect()
    try await connection.requirePlane()
    let console = CommandContext.current.console
    let deleted = try await delete(at: connection)
    guard output == .text else {
      return try console.json([
        "kind": "DeletedModelVersion", "model": .string(name), "version": .int(version),
        "freedBytes": .int(deleted.freedBytes), "modelDeleted": .bool(deleted.isModelDeleted),
        "registrationCanceled": .bool(deleted.isRegistrationCanceled),
      ])
    }
    guard !deleted.isRegistrationCanceled else {
      return try console.result("\(name) version \(version): registration canceled")
    }
    let freed = ByteCountText.rounded(bytes: Int(clamping: deleted.freedBytes))
    let last = deleted.isModelDeleted ? " (the last version, so the model too)" : ""
    try console.result("\(name) version \(version): deleted\(last), \(freed) freed")
  }

  private func delete(at connection: Connection) async throws -> WireDeletedVersion {
    do {
      return try await connection.models.delete(version, of: name, aliases: alias.map(\.withoutAt))
    } catch let error as ServingError where error.kind == .conflict {
      throw ErrorReport(
        "\(name) version \(version) cannot be deleted", place: error.call, why: error.serverMessage)
    } catch let error as ServingError where error.isAbsence {
      throw ErrorReport(
        "\(name) version \(version) cannot be deleted", place: error.call, why: error.serverMessage,
        next: await connection.models.suggestion(for: name)
          + "\"setpoint models list\" shows the models, their versions and aliases")
    }
  }
}

extension Connection {
  /// - Parameters:
  ///   - why: what the command needs a plane for.
  ///   - next: what to do instead at a workspace.
  /// - Throws: ``ErrorReport`` for a workspace, which deletes versions without asking whether an endpoint serves them.
  func requirePlane(
    why: String = "this command manages the models folder of a plane",
    next: String = "select the plane with --host, or manage a workspace's models in Unity Catalog"
  ) async throws {
    guard await client.isPlane() else {
      throw ErrorReport("\(target.url) is not a serving plane, or did not respond", why: why, next: next)
    }
  }
}
