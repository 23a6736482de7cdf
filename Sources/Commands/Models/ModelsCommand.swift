internal import ArgumentParser

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "Manage the models that a plane can serve.",
    subcommands: [
      ModelsRegisterCommand.self, ModelsListCommand.self, ModelsAliasCommand.self, ModelsDeleteCommand.self,
      ModelsGCCommand.self,
    ])
}
