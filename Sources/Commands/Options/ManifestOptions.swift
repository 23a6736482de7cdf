internal import ArgumentParser

/// Which manifests: `-f`, as often as there are files.
struct ManifestOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: ArgumentHelp(
      "A manifest file, a directory of them, or - for standard input. May be given several times.",
      discussion:
        "A directory is read with all below it: files ending in .yaml, .yml or .json, in the order of their names.",
      valueName: "FILE|DIR|-"))
  var paths: [String] = []

  init() {}

  func validate() throws {
    guard !paths.isEmpty else {
      throw ValidationError("Name the manifests with -f FILE, -f DIR, or -f - for standard input.")
    }
    guard paths.filter({ $0 == "-" }).count < 2 else {
      throw ValidationError("Standard input (-f -) can be read once.")
    }
  }
}
