internal import ArgumentParser
internal import Controller
internal import History
internal import Logging

/// Where a controller's manifests are.
struct SourceOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: ArgumentHelp("A directory of manifests, or a file. May be given several times.", valueName: "DIR|FILE"))
  var paths: [String] = []
  @Option(help: ArgumentHelp("A git repository to read them from.", valueName: "URL")) var git: String?
  @Option(help: ArgumentHelp("The branch, tag or commit.", valueName: "REF")) var ref = "main"
  @Option(help: ArgumentHelp("The directory in the repository. (default: all of it)", valueName: "PATH"))
  var path = ""
  @OptionGroup var exclusion: ExcludeOptions
  @Option(help: ArgumentHelp("A file with the token for an https repository.", valueName: "FILE"))
  var gitTokenFile: String?
  @Option(help: ArgumentHelp("A file with the deploy key for an ssh repository.", valueName: "FILE"))
  var gitKeyFile: String?
  @Option(help: ArgumentHelp("A file with the keys of known ssh hosts.", valueName: "FILE")) var gitKnownHosts: String?
  @Flag(help: "Take only commits with a good signature.") var verifySignatures = false
  @Option(
    help: ArgumentHelp("Who may sign, in the form of ssh's allowed signers.", valueName: "FILE"))
  var allowedSigners: String?

  init() {}

  func validate() throws {
    guard paths.isEmpty != (git == nil) else {
      throw ValidationError("Name the manifests with -f DIR or with --git URL, one of the two.")
    }
    guard !paths.contains(ManifestFiles.standardInput) else {
      throw ValidationError("Standard input ends; a controller needs a directory (-f DIR) or a repository (--git URL).")
    }
    guard verifySignatures == (allowedSigners != nil) else {
      throw ValidationError("--verify-signatures and --allowed-signers FILE go together.")
    }
  }

  func source(
    state: StateDirectory, environment: [String: String], log: Logger
  ) throws -> any ManifestSource {
    guard let git else {
      return DirectorySource(paths: paths, excluding: exclusion.patterns, warn: { log.warning("\($0)") })
    }
    return try GitSource(
      url: git, ref: ref, path: path.isEmpty ? "." : path, excluding: exclusion.patterns,
      stateDirectory: state.path,
      access: GitAccess(
        token: gitTokenFile.map { .file($0) }, keyFile: gitKeyFile, knownHostsFile: gitKnownHosts,
        certificateAuthorities: environment["GIT_SSL_CAINFO"].flatMap { $0.isEmpty ? nil : $0 }),
      allowedSigners: allowedSigners, environment: environment)
  }
}
