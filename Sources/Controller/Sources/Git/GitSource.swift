internal import Endpoints
internal import FoundationEssentials
internal import LibCrypto
internal import Synchronization

/// Manifests from one path of one branch, tag or commit of a git repository, by the `git` on the PATH.
///
/// A new commit is fetched without history, verified if that is configured, and read from git's store: only its
/// manifests, byte for byte, and only those that changed. Only then does it replace the old one. If anything fails on
/// the way (the repository is unreachable, the branch is missing, no trusted signature, no manifest at the path), the
/// last good commit stays in force and the reading's problem says so. Its set is complete nevertheless: that commit was
/// read completely.
///
/// No hook, filter (including Git LFS), attribute or submodule of the repository is used, and links that lead out of it
/// are refused.
package final class GitSource: ManifestSource {
  private struct State {
    /// The commit in force, and its manifests.
    var current: (commit: String, set: ManifestSet)?
    var cache = GitManifestCache()
    var reading: SourceReading?
  }

  package let description: String
  private let repository: GitRepository
  /// Without leading and trailing slashes; `.` is the whole repository.
  private let path: String
  private let excluded: [IgnorePattern]
  private let allowedSigners: String?
  private let state = Mutex(State())

  /// - Parameters:
  ///   - url: in the form that `git fetch` accepts. A name and password in it appear in no output and on no command
  ///     line.
  ///   - ref: a branch, a tag (searched in this order), `HEAD`, a full reference, or a full commit hash.
  ///   - path: a directory or file in the repository; `.` is the whole repository.
  ///   - excluded: patterns of skipped files below the path.
  ///   - stateDirectory: commits are kept in `git` below it.
  ///   - access: tokens and keys.
  ///   - allowedSigners: if given, a commit is accepted only if one of these signed it (git's
  ///     gpg.ssh.allowedSignersFile). This applies to the commit's own signature, not to those of earlier commits.
  ///   - environment: the process's own; git gets the PATH, proxies and the like from it, and no `GIT_` variable.
  /// - Throws: a `GitSourceError` for errors that can be detected without a query.
  package init(
    url: String, ref: String = "main", path: String = ".", excluding excluded: [IgnorePattern] = [],
    stateDirectory: String, access: GitAccess = GitAccess(), allowedSigners: String? = nil,
    environment: [String: String], limits: GitTimeLimits = GitTimeLimits()
  ) throws(GitSourceError) {
    let remote = try GitRemote(url)
    let ref = try GitRef(ref)
    try access.check(against: remote)
    self.path = try Self.checked(path)
    self.excluded = excluded
    self.allowedSigners = allowedSigners.map(absolutePath)
    let identity = [remote.address, ref.text, self.path].joined(separator: "\n")
    let directory = absolutePath(stateDirectory) + "/git/" + String(SHA256.hash(identity).hexString.prefix(16))
    repository = GitRepository(
      remote: remote, ref: ref, access: access, git: GitCommand(environment: environment, home: directory + "/home"),
      directory: directory, limits: limits)
    description =
      "git repository \(remote.shown), \(ref.phrase)" + (self.path == "." ? "" : ", path \(self.path)")
  }

  /// Checks that a repository on this machine exists. A remote one may only be unavailable, and with an earlier commit in
  /// the state directory, there is something to reconcile without it.
  ///
  /// - Throws: a `GitSourceError` if there is nothing to read.
  package func requireExisting() async throws(GitSourceError) {
    guard let path = repository.remote.localPath else { return }
    // git finds a repository without its usual suffix, too.
    if [path, path + ".git"].contains(where: { FileManager.default.fileExists(atPath: $0) }) { return }
    if (try? await repository.lastGood()) != nil { return }
    throw GitSourceError(
      "source not found: the git repository \(path) does not exist",
      next: "check the path; the address of a remote repository looks like https://… or user@host:path")
  }

  private static func checked(_ path: String) throws(GitSourceError) -> String {
    let segments = path.split(separator: "/").filter { $0 != "." }
    let isInside = !path.hasPrefix("/") && !segments.contains("..") && !segments.contains { $0.lowercased() == ".git" }
    guard isInside else {
      throw GitSourceError(
        "\"\(path)\" is not a path inside a repository",
        next: "write it relative to the repository's root, for example endpoints/")
    }
    return segments.isEmpty ? "." : segments.joined(separator: "/")
  }

  /// How many times a file was parsed so far.
  package var filesParsed: Int { state.withLock { $0.cache.filesParsed } }

  /// Never has an element: a repository does not report changes, and a webhook triggers a read.
  package func changes() -> AsyncStream<Void> { AsyncStream { _ in } }

  package func read() async throws -> SourceReading {
    let reading: SourceReading
    do {
      reading = try await DirectoryLock.hold(repository.directory, limit: repository.limits.remote) {
        try await self.readAlone()
      }
    } catch let failure as GitFailure {
      let earlier = state.withLock { $0.reading }
      return earlier.map { inForce($0.set, $0.commit, despite: failure) } ?? nothing(because: failure)
    }
    state.withLock { $0.reading = reading }
    return reading
  }

  private func readAlone() async throws -> SourceReading {
    var failure: GitFailure?
    do {
      try await update()
    } catch let cause as GitFailure {
      failure = cause
      do {
        try await restore()
      } catch let second as GitFailure {
        failure = GitFailure("\(cause.message); and \(second.message)")
      }
    }
    guard let current = state.withLock(\.current) else {
      return nothing(because: failure ?? GitFailure("no commit was read"))
    }
    guard let failure else { return SourceReading(set: current.set, commit: current.commit) }
    return inForce(current.set, current.commit, despite: failure)
  }

  /// Updates to the commit that the remote has now.
  private func update() async throws {
    let remoteCommit: GitRepository.RemoteCommit
    let commit: String
    do {
      remoteCommit = try await repository.remoteCommit()
      if remoteCommit.commit == state.withLock({ $0.current?.commit }) { return }
      commit = try await repository.fetch(remoteCommit)
    } catch let failure as GitFailure {
      throw GitFailure("cannot fetch \(repository.ref.phrase) of \(repository.remote.shown): \(failure.message)")
    }
    do {
      try await adopt(commit)
    } catch let failure as GitFailure {
      throw GitFailure(
        "commit \(commit) of \(repository.remote.shown), \(repository.ref.phrase), is not used: \(failure.message)")
    }
  }

  /// Restores the last good commit, which is in the store, if none is in force yet.
  private func restore() async throws {
    guard state.withLock({ $0.current == nil }), let commit = try await repository.lastGood() else { return }
    do {
      try await adopt(commit)
    } catch let failure as GitFailure {
      throw GitFailure("the last good commit \(commit) is not used: \(failure.message)")
    }
  }

  /// Verifies a commit, reads it, and puts it in force.
  private func adopt(_ commit: String) async throws {
    if let allowedSigners { try await repository.verify(commit, allowedSigners: allowedSigners) }
    let objects = repository.objects
    let walk = try await GitWalk(objects, commit: commit, path: path, excluding: excluded)
    let (set, cache) = try await state.withLock(\.cache).read(walk.entries, from: objects)
    try await repository.keep(commit)
    state.withLock { state in
      state.current = (commit, set)
      state.cache = cache
    }
    // Earlier versions checked commits out. If this cannot be removed, it only takes up space.
    try? FileManager.default.removeItem(atPath: repository.directory + "/checkouts")
  }

  private func inForce(_ set: ManifestSet, _ commit: String?, despite failure: GitFailure) -> SourceReading {
    SourceReading(
      set: set, commit: commit,
      problem: commit.map { "\(failure.message); commit \($0) stays in effect" } ?? failure.message)
  }

  private func nothing(because failure: GitFailure) -> SourceReading {
    var reader = ManifestReader()
    reader.fail(file: repository.remote.shown, "no manifests could be read: \(failure.message)")
    return SourceReading(set: reader.finish(), problem: failure.message)
  }
}
