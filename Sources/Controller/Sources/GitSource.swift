internal import Endpoints
internal import FoundationEssentials
internal import Glibc
internal import LibCrypto
internal import Synchronization

/// Manifests from one path of one branch, tag or commit of a git repository, by the `git` on the PATH.
///
/// A new commit is fetched without history, verified if that is asked for, checked out into a new directory, and takes
/// the old one's place only then. Whatever goes wrong on the way (the repository is unreachable, the branch is gone,
/// nobody trusted signed the commit, there is no manifest at the path), the last good commit stays in force and the
/// reading's problem says so. Its set is complete nonetheless: that commit was read whole.
///
/// No hook, filter (Git LFS among them) or submodule of the repository is used, and links that lead out of it are refused.
package final class GitSource: ManifestSource {
  private struct Checkout {
    let commit: String
    let directory: String
  }

  private struct State {
    var checkout: Checkout?
    var cache = ManifestCache()
    var reading: SourceReading?
  }

  package let description: String
  private let repository: GitRepository
  /// Without slashes at its ends; `.` is the whole repository.
  private let path: String
  private let allowedSigners: String?
  private let state = Mutex(State())

  /// - Parameters:
  ///   - url: as `git fetch` takes it. A name and password in it reach no output and no command line.
  ///   - ref: a branch, a tag (asked for in this order), `HEAD`, a reference in full, or all digits of a commit.
  ///   - path: a directory or file in the repository; `.` is all of it.
  ///   - stateDirectory: commits and checkouts are kept in `git` below it.
  ///   - access: tokens and keys.
  ///   - allowedSigners: with it a commit counts only when one of these signed it (git's gpg.ssh.allowedSignersFile).
  ///     As each checkout is of one commit, it is that one's signature, and not those of the commits before it.
  ///   - environment: the process's own; git gets from it the PATH, proxies and the like, and no `GIT_` variable.
  /// - Throws: a `GitSourceError` for what can be told to be wrong without asking.
  package init(
    url: String, ref: String = "main", path: String = ".", stateDirectory: String, access: GitAccess = GitAccess(),
    allowedSigners: String? = nil, environment: [String: String], limits: GitTimeLimits = GitTimeLimits()
  ) throws(GitSourceError) {
    let remote = try GitRemote(url)
    let ref = try GitRef(ref)
    try access.check(against: remote)
    self.path = try Self.checked(path)
    self.allowedSigners = allowedSigners.map(absolutePath)
    let identity = [remote.address, ref.text, self.path].joined(separator: "\n")
    let directory = absolutePath(stateDirectory) + "/git/" + String(SHA256.hash(identity).hexString.prefix(16))
    repository = GitRepository(
      remote: remote, ref: ref, access: access, git: GitCommand(environment: environment, home: directory + "/home"),
      directory: directory, limits: limits)
    description = "\(remote.shown), \(ref.text), \(self.path)"
  }

  private static func checked(_ path: String) throws(GitSourceError) -> String {
    let segments = path.split(separator: "/").filter { $0 != "." }
    let isInside = !path.hasPrefix("/") && !segments.contains("..") && !segments.contains { $0.lowercased() == ".git" }
    guard isInside else {
      throw GitSourceError(
        "\"\(path)\" is no path inside a repository",
        next: "write it from the repository's root, for example endpoints/")
    }
    return segments.isEmpty ? "." : segments.joined(separator: "/")
  }

  /// How many files were parsed so far, each time counted.
  package var filesParsed: Int { state.withLock { $0.cache.filesParsed } }

  /// Never an element: a repository does not tell what happens to it, and whoever hears of it reads.
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
        failure = GitFailure("\(cause.words); and \(second.words)")
      }
    }
    let (checkout, cache) = state.withLock { ($0.checkout, $0.cache) }
    guard let checkout else { return nothing(because: failure ?? GitFailure("there is no checkout")) }
    let (set, next) = try await cache.read([root(in: checkout.directory)], confinedTo: checkout.directory)
    state.withLock { $0.cache = next }
    guard let failure else { return SourceReading(set: set, commit: checkout.commit) }
    return inForce(set, checkout.commit, despite: failure)
  }

  /// Goes to the commit that the remote has now.
  private func update() async throws {
    let offer: GitRepository.Offer
    let commit: String
    do {
      offer = try await repository.offer()
      if offer.commit == usableCheckout?.commit { return }
      commit = try await repository.fetch(offer)
    } catch let failure as GitFailure {
      throw GitFailure("cannot fetch \(repository.ref.words) of \(repository.remote.shown): \(failure.words)")
    }
    do {
      try await adopt(commit)
    } catch let failure as GitFailure {
      throw GitFailure(
        "commit \(commit) of \(repository.remote.shown), \(repository.ref.words), is not used: \(failure.words)")
    }
  }

  /// Goes to the last good commit, which is here, if there is no checkout of it. Directories left by an earlier process
  /// are not used: a crash may have cut files off in them, and git checks what it stores.
  private func restore() async throws {
    guard usableCheckout == nil else { return }
    state.withLock { $0.checkout = nil }
    guard let commit = try await repository.lastGood() else { return }
    do {
      try await adopt(commit)
    } catch let failure as GitFailure {
      throw GitFailure("the last good commit \(commit) is not used: \(failure.words)")
    }
  }

  private var usableCheckout: Checkout? {
    state.withLock(\.checkout).flatMap { FileIdentity(of: $0.directory) == nil ? nil : $0 }
  }

  /// Verifies a commit, checks it out, and puts it in force.
  private func adopt(_ commit: String) async throws {
    if let allowedSigners { try await repository.verify(commit, allowedSigners: allowedSigners) }
    let checkouts = repository.directory + "/checkouts"
    let name = "\(commit.prefix(12)).\(UUID().uuidString.prefix(8))"
    let directory = "\(checkouts)/\(name)"
    do {
      try makeDirectory(directory)
      try await repository.checkOut(commit, path: path, into: directory)
      try check(directory)
      try await repository.keep(commit)
    } catch {
      removeTree(directory)
      throw error
    }
    state.withLock { $0.checkout = Checkout(commit: commit, directory: directory) }
    for old in (try? FileManager.default.contentsOfDirectory(atPath: checkouts)) ?? [] where old != name {
      removeTree("\(checkouts)/\(old)")
    }
  }

  /// - Throws: `GitFailure` when there is nothing to read: an empty source never stands for an empty fleet.
  private func check(_ directory: String) throws(GitFailure) {
    let root = root(in: directory)
    let walk = ManifestWalk(root.path, name: root.name, confinedTo: directory)
    for case .file in walk.entries { return }
    for case .failure(_, let words) in walk.entries { throw GitFailure("\(path): \(words)") }
  }

  private func root(in directory: String) -> ManifestCache.Root {
    ManifestCache.Root(path: path == "." ? directory : "\(directory)/\(path)", name: path)
  }

  private func inForce(_ set: ManifestSet, _ commit: String?, despite failure: GitFailure) -> SourceReading {
    SourceReading(
      set: set, commit: commit,
      problem: commit.map { "\(failure.words); commit \($0) stays in force" } ?? failure.words)
  }

  private func nothing(because failure: GitFailure) -> SourceReading {
    var reader = ManifestReader()
    reader.fail(file: repository.remote.shown, "there are no manifests to read: \(failure.words)")
    return SourceReading(set: reader.finish(), problem: failure.words)
  }
}

private func removeTree(_ path: String) {
  // A checkout that cannot be removed takes up space and does no other harm; the next one tries again.
  try? FileManager.default.removeItem(atPath: path)
}
