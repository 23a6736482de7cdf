internal import ArgumentParser

struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a shell completion script.",
    discussion: """
      Completes commands, options, files after -f, and the names of endpoints, served entities, models, fleets and \
      revisions. Names come from the provider, with a timeout of two seconds for each request, or from the state \
      directory.

      bash:
        setpoint completion bash \\
          > ~/.local/share/bash-completion/completions/setpoint
      zsh, with fpath+=~/.zfunc before compinit in ~/.zshrc:
        setpoint completion zsh > ~/.zfunc/_setpoint
      fish:
        setpoint completion fish > ~/.config/fish/completions/setpoint.fish
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash
    case zsh
    case fish

    fileprivate var completionShell: CompletionShell {
      switch self {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    }
  }

  @Argument(help: "The shell: bash, zsh or fish.") var shell: Shell

  func run() throws {
    try CommandContext.current.console.document(SetpointCommand.completionScript(for: shell.completionShell) + "\n")
  }
}
