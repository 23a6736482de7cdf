internal import ArgumentParser
internal import Controller

/// Which files below a directory are not manifests: `--exclude`, which may be repeated.
struct ExcludeOptions: ParsableArguments {
  @Option(
    name: .customLong("exclude"),
    help: ArgumentHelp(
      "Exclude files below a directory that match a pattern in .gitignore syntax, such as \"values*.yaml\" or "
        + "\"charts/\". May be repeated.",
      discussion:
        "A .setpointignore file in a directory has one pattern per line. kustomization.yaml is always excluded.",
      valueName: "GLOB"))
  var globs: [String] = []

  init() {}

  func validate() throws {
    if let glob = globs.first(where: { IgnorePattern($0) == nil }) {
      throw ValidationError(
        "\"\(glob)\" is not a valid pattern; write one as in a .gitignore file, such as --exclude \"values*.yaml\"")
    }
  }

  var patterns: [IgnorePattern] { globs.compactMap { IgnorePattern($0) } }
}
