internal import Durations
internal import Subprocess

/// Runs the `git` on the PATH, isolated from the user's git setup: no configuration except what is given here, no
/// hooks, no filters, no submodules, no prompts.
struct GitCommand: Sendable {
  /// The caller's environment; only what git needs is passed on.
  let environment: [String: String]
  /// The home directory for git, so that no user's configuration, attributes or .netrc are read.
  let home: String

  private static let passedOn: Set<String> = [
    "PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "HTTPS_PROXY",
    "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
  ]

  private static let settings = [
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.autocrlf=false",
    "credential.helper=", "submodule.recurse=false", "fetch.recurseSubmodules=false", "gc.autoDetach=false",
    "protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always", "protocol.ssh.allow=always",
    "protocol.git.allow=always", "protocol.file.allow=always",
  ]

  struct Output {
    let bytes: [UInt8]
    let errors: String
    let isSuccess: Bool

    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// - Parameters:
  ///   - repository: the bare repository to work in, if any.
  ///   - input: the standard input.
  ///   - mostOutput: the maximum size of standard output in bytes; more is a failure.
  ///   - limit: the time after which git and its child processes are killed.
  /// - Throws: `GitFailure` with git's message if it fails, runs too long or cannot be started; `CancellationError`.
  @discardableResult
  func run(
    _ arguments: [String], in repository: String? = nil, with grant: GitAccess.Grant = .init(), input: [UInt8] = [],
    mostOutput: Int = 1 << 20, limit: Duration
  ) async throws -> Output {
    let output = try await attempt(
      arguments, in: repository, with: grant, input: input, mostOutput: mostOutput, limit: limit)
    guard output.isSuccess else {
      throw GitFailure(output.errors.isEmpty ? "git \(arguments.first ?? "") failed without a message" : output.errors)
    }
    return output
  }

  /// Runs git if its failure is a valid result.
  func attempt(
    _ arguments: [String], in repository: String? = nil, with grant: GitAccess.Grant = .init(), input: [UInt8] = [],
    mostOutput: Int = 1 << 20, limit: Duration
  ) async throws -> Output {
    let words =
      ["--literal-pathspecs"] + (repository.map { ["--git-dir=\($0)"] } ?? [])
      + (Self.settings + grant.settings).flatMap { ["-c", $0] } + arguments
    let environment = variables.merging(grant.environment) { $1 }
    let output = try await withThrowingTaskGroup(of: Output?.self) { group in
      group.addTask { try await Self.launch(words, environment, input, mostOutput) }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    try Task.checkCancellation()
    guard let output else {
      throw GitFailure("git \(arguments.first ?? "") did not finish within \(DurationText.text(limit)) and was killed")
    }
    return Output(bytes: output.bytes, errors: Self.masked(output.errors, grant.secrets), isSuccess: output.isSuccess)
  }

  private static func launch(
    _ arguments: [String], _ environment: [String: String], _ input: [UInt8], _ mostOutput: Int
  ) async throws -> Output {
    var options = PlatformOptions()
    // git starts ssh, remote helpers and index-pack: they are in its process group and end with it. Killing is safe,
    // since a half-written repository of ours is recreated.
    options.createSession = true
    options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
    let variables = Dictionary(
      uniqueKeysWithValues: environment.map { (Subprocess.Environment.Key(stringLiteral: $0.key), $0.value) })
    do {
      let result = try await Subprocess.run(
        .name("git"), arguments: Arguments(arguments), environment: .custom(variables), platformOptions: options,
        input: .array(input), output: .bytes(limit: mostOutput), error: .string(limit: 1 << 20))
      return Output(
        bytes: result.standardOutput, errors: oneLine(result.standardError),
        isSuccess: result.terminationStatus.isSuccess)
    } catch let error as SubprocessError {
      throw GitFailure(
        error.code == .executableNotFound ? "git is not on the PATH; install it" : "git: \(error)")
    }
  }

  private var variables: [String: String] {
    var variables = environment.filter { Self.passedOn.contains($0.key) }
    variables["HOME"] = home
    variables["LC_ALL"] = "C.UTF-8"
    variables["GIT_CONFIG_NOSYSTEM"] = "1"
    variables["GIT_CONFIG_GLOBAL"] = "/dev/null"
    variables["GIT_ATTR_NOSYSTEM"] = "1"
    variables["GIT_TERMINAL_PROMPT"] = "0"
    variables["GIT_ASKPASS"] = ""
    variables["GIT_LFS_SKIP_SMUDGE"] = "1"
    variables["GIT_NO_REPLACE_OBJECTS"] = "1"
    return variables
  }

  /// Returns the output of git and ssh as one line, with the reason first and a server's greeting after it. Advice for
  /// interactive users is omitted.
  private static func oneLine(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).map { line in
      String(String.UnicodeScalarView(line.unicodeScalars.filter { $0.properties.generalCategory != .control }))
    }
    let kept = lines.filter { line in !line.allSatisfy(\.isWhitespace) && !advice.contains { line.hasPrefix($0) } }
    let reasons = kept.filter(isReason)
    let joined = (reasons + kept.filter { !isReason($0) }).joined(separator: "; ")
    return joined.utf8.count > longestWords ? String(joined.unicodeScalars.prefix(longestWords)) + "…" : joined
  }

  private static let longestWords = 2000

  private static let advice = [
    "hint:", "Please make sure you have the correct access rights", "and the repository exists.",
  ]

  private static func isReason(_ line: String) -> Bool {
    ["fatal:", "error:", "ERROR:", "ssh:", "remote:"].contains { line.hasPrefix($0) }
      || ["Permission denied", "Host key verification failed", "Could not resolve"].contains { line.contains($0) }
  }

  private static func masked(_ text: String, _ secrets: [String]) -> String {
    secrets.sorted { $0.count > $1.count }.reduce(text) { $0.replacing($1, with: "***") }
  }
}

/// A failure of git, with a message for people: git's own if there is one.
struct GitFailure: Error {
  let message: String

  init(_ message: String) { self.message = message }
}
