internal import ArgumentParser
internal import Controller
internal import Glibc
internal import History
internal import Logging

/// The source of a controller's manifests.
struct SourceOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("filename")],
    help: ArgumentHelp("A directory of manifests, or a file. May be repeated.", valueName: "DIR|FILE"))
  var paths: [String] = []
  @Option(help: ArgumentHelp("A git repository with the manifests.", valueName: "URL")) var git: String?
  @Option(help: ArgumentHelp("The branch, tag or commit.", valueName: "REF")) var ref = "main"
  @Option(help: ArgumentHelp("The directory in the repository. (default: all of it)", valueName: "PATH"))
  var path = ""
  @OptionGroup var exclusion: ExcludeOptions
  @Option(help: ArgumentHelp("A file with the token for an https repository.", valueName: "FILE"))
  var gitTokenFile: String?
  @Option(help: ArgumentHelp("A file with the deploy key for an ssh repository.", valueName: "FILE"))
  var gitKeyFile: String?
  @Option(help: ArgumentHelp("A file with the keys of known ssh hosts.", valueName: "FILE")) var gitKnownHosts: String?
  @Flag(help: "Accept only commits with a valid signature.") var verifySignatures = false
  @Option(
    help: ArgumentHelp("The allowed signers, in ssh's allowed_signers format.", valueName: "FILE"))
  var allowedSigners: String?

  init() {}

  func validate() throws {
    guard !paths.isEmpty || git != nil else {
      throw ValidationError("no manifests are specified; use -f DIR or --git URL")
    }
    guard paths.isEmpty || git == nil else { throw ValidationError("-f and --git cannot be combined") }
    guard !paths.contains(ManifestFiles.standardInput) else {
      throw ValidationError(
        "a controller cannot read from standard input; use a directory (-f DIR) or a repository (--git URL)")
    }
    guard verifySignatures == (allowedSigners != nil) else {
      throw ValidationError("--verify-signatures and --allowed-signers FILE must be used together")
    }
  }

  /// - Throws: an error if the source cannot be right: a path on this machine that does not exist. Whatever may only be
  ///   unavailable is read again later.
  func source(
    state: StateDirectory, environment: [String: String], log: Logger
  ) async throws -> any ManifestSource {
    guard let git else {
      for path in paths where Self.isAbsent(path) {
        throw ErrorReport(
          "source not found: \(path)",
          next: "check the path; a controller starts only if the directory or file of its manifests exists")
      }
      return DirectorySource(paths: paths, excluding: exclusion.patterns, warn: { log.warning("\($0)") })
    }
    let source = try GitSource(
      url: git, ref: ref, path: path.isEmpty ? "." : path, excluding: exclusion.patterns,
      stateDirectory: state.path,
      access: GitAccess(
        token: gitTokenFile.map { .file($0) }, keyFile: gitKeyFile, knownHostsFile: gitKnownHosts,
        certificateAuthorities: environment["GIT_SSL_CAINFO"].flatMap { $0.isEmpty ? nil : $0 }),
      allowedSigners: allowedSigners, environment: environment)
    try await source.requireExisting()
    return source
  }

  /// Whether nothing is at the path, not even a link whose target may come later. A file system that cannot answer now
  /// says nothing about that.
  private static func isAbsent(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) != 0 && [ENOENT, ENOTDIR].contains(errno)
  }
}
