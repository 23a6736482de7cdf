internal import ArgumentParser
internal import Controller

/// Which files below a directory are no manifests: `--exclude`, as often as there are patterns.
struct ExcludeOptions: ParsableArguments {
  @Option(
    name: .customLong("exclude"),
    help: ArgumentHelp(
      "Leave out files below a directory that match, in git's ignore syntax, such as \"values*.yaml\" or \"charts/\". May be "
        + "given several times.",
      discussion:
        "A file .setpointignore in a directory holds the same, a pattern a line. kustomization.yaml is left out always.",
      valueName: "GLOB"))
  var globs: [String] = []

  init() {}

  func validate() throws {
    if let glob = globs.first(where: { IgnorePattern($0) == nil }) {
      throw ValidationError(
        "\"\(glob)\" is not a pattern; write one as in a .gitignore file, such as --exclude \"values*.yaml\".")
    }
  }

  var patterns: [IgnorePattern] { globs.compactMap { IgnorePattern($0) } }
}
