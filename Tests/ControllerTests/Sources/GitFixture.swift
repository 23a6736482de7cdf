import Controller
import Endpoints
import Foundation
import Subprocess

/// A repository created by the real git, and a state directory for sources that read it.
final class GitFixture: Sendable {
  let folder: Folder
  private let home: String

  init() async throws {
    folder = try Folder()
    home = folder("home")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    try await git("init", "--quiet", "--initial-branch=main", folder("work"), in: ".")
  }

  /// The location of the repository.
  var address: String { "file://" + folder("work") }

  var path: String { ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin" }

  /// Runs git as a user would, in the work tree, and returns what it printed.
  @discardableResult
  func git(_ arguments: String..., in directory: String = "work") async throws -> String {
    let result = try await Subprocess.run(
      .name("git"),
      arguments: Arguments(
        [
          "-C", directory == "." ? folder.path : folder(directory), "-c", "user.name=Ada", "-c",
          "user.email=ada@example.com",
        ]
          + arguments),
      environment: .custom(["PATH": path, "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"]), output: .string(limit: 1 << 20),
      error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else { throw GitFixtureError(words: result.standardError) }
    return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Writes files, removes those without text, and commits all of it.
  /// - Returns: the commit.
  @discardableResult
  func commit(_ files: [String: String?], _ options: String...) async throws -> String {
    for (name, text) in files {
      if let text { try folder.write(text, "work/" + name) } else { try folder.remove("work/" + name) }
    }
    try await git("add", "--all")
    return try await commitStaged(options)
  }

  private func commitStaged(_ options: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .name("git"),
      arguments: Arguments(
        ["-C", folder("work"), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
          + options.filter { $0 != "-S" }
          + ["commit", "--quiet", "--allow-empty", "-m", "change"] + options.filter { $0 == "-S" }),
      environment: .custom(["PATH": path, "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"]), output: .discarded,
      error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else { throw GitFixtureError(words: result.standardError) }
    return try await git("rev-parse", "HEAD")
  }

  func source(
    _ url: String? = nil, ref: String = "main", path: String = "fleet", access: GitAccess = GitAccess(),
    allowedSigners: String? = nil, environment: [String: String] = [:], limits: GitTimeLimits = GitTimeLimits()
  ) throws -> GitSource {
    try GitSource(
      url: url ?? address, ref: ref, path: path, stateDirectory: folder("state"), access: access,
      allowedSigners: allowedSigners, environment: ["PATH": self.path].merging(environment) { $1 }, limits: limits)
  }

  /// The names of everything in the state directory, at any depth.
  func kept() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: folder("state"))
  }
}

struct GitFixtureError: Error {
  let words: String
}

extension SourceReading {
  var names: [String] { self.set.manifests.map(\.name) }

  /// The version that a manifest requests.
  func version(of name: String) throws -> String? {
    try self.set.manifests.first { $0.name == name }?.desired().config.entities.first?.entityVersion
  }
}
