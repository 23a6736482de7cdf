internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import ModelRegistry
internal import ServingAPI

struct ModelsAliasCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alias", abstract: "Point an alias at a version of a model.",
    discussion: "A manifest with entityVersion: \"@ALIAS\" rolls out the new version when the alias moves.")

  @Argument(help: "The model: catalog.schema.name.", completion: .models) var name: String
  @Argument(help: "The alias, with or without @.") var alias: String
  @Argument(help: "The version number.") var version: Int64
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws { try alias.checkAsAlias() }

  func run() async throws {
    let connection = try provider.connect()
    do {
      try await connection.models.setAlias(alias.withoutAt, of: name, to: version)
    } catch let error as ServingError where error.kind == .notFound {
      throw ErrorReport(
        "\(name) has no version \(version)", place: error.call, why: error.serverMessage,
        next: await connection.models.suggestion(for: name)
          + "\"setpoint models list\" shows the models and their versions")
    } catch let error as ServingError where error.kind == .conflict {
      throw ErrorReport(
        "\(name)@\(alias.withoutAt) cannot be set now", place: error.call, why: error.serverMessage,
        next: "\"setpoint models list \(ShellWord.quoted(name))\" shows the progress")
    }
    let console = CommandContext.current.console
    guard output == .text else {
      return try console.json([
        "kind": "ModelAlias", "model": .string(name), "alias": .string(alias.withoutAt), "version": .int(version),
      ])
    }
    console.note("\(name)@\(alias.withoutAt) is version \(version)")
  }
}
