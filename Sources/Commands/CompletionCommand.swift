internal import ArgumentParser

struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a script that completes commands in a shell.",
    discussion: """
      Commands, options, files behind -f and the names of endpoints are completed; for those the provider is asked, for two \
      seconds at most.

        bash: setpoint completion bash > ~/.local/share/bash-completion/completions/setpoint
        zsh:  setpoint completion zsh > ~/.zfunc/_setpoint      (with fpath+=~/.zfunc before compinit in ~/.zshrc)
        fish: setpoint completion fish > ~/.config/fish/completions/setpoint.fish
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
    try Surroundings.current.console.document(SetpointCommand.completionScript(for: shell.completionShell) + "\n")
  }
}
