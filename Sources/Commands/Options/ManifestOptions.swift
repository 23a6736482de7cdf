internal import ArgumentParser
internal import Controller
internal import Endpoints

/// Which manifests: `-f`, as often as there are files.
struct ManifestOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: ArgumentHelp(
      "A manifest file, a directory of them, or - for standard input. May be given several times.",
      discussion: "A directory is read with all below it: files ending in .yaml, .yml or .json, by name.",
      valueName: "FILE|DIR|-"))
  var paths: [String] = []

  init() {}

  func validate() throws {
    guard !paths.isEmpty else {
      throw ValidationError("Name the manifests with -f FILE, -f DIR, or -f - for standard input.")
    }
  }

  /// Everything the files say; what cannot be read or used is a finding.
  func read() throws -> ManifestSet {
    let input = paths.contains(ManifestFiles.standardInput) ? try Surroundings.current.readInput() : []
    return ManifestFiles.read(paths, standardInput: { input })
  }
}
