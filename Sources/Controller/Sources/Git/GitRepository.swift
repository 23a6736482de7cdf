internal import FileSystem
internal import FoundationEssentials
internal import Glibc

/// The bare repository in which a git source keeps the newest commit and the last good one, without history.
///
/// `refs/setpoint/fetched` is the former, `refs/setpoint/current` the latter. A repository that git can no longer use
/// (truncated by a crash, damaged) is recreated beside the old one, which is removed only when the new one is complete.
struct GitRepository: Sendable {
  let remote: GitRemote
  let ref: GitRef
  let access: GitAccess
  let git: GitCommand
  /// The directory that contains all of it.
  let directory: String
  let limits: GitTimeLimits

  private var place: String { directory + "/repository" }
  private static let fetchedRef = "refs/setpoint/fetched"
  private static let currentRef = "refs/setpoint/current"

  /// The commit that the remote has under the reference.
  struct RemoteCommit {
    /// The reference to fetch.
    let source: String
    let commit: String
  }

  /// Queries the remote for its commit; for a source that names a commit, nothing is queried.
  func remoteCommit() async throws -> RemoteCommit {
    guard ref.kind != .commit else { return RemoteCommit(source: ref.text.lowercased(), commit: ref.text.lowercased()) }
    // The second form is the commit of an annotated tag.
    let patterns = ref.candidates.flatMap { [$0, $0 + "^{}"] }
    let grant = try access.grant(for: remote, in: git.environment)
    let listing = try await git.run(
      ["ls-remote", "--quiet", "--", remote.address] + patterns, with: grant, limit: limits.remote
    ).text
    var commits: [String: String] = [:]
    for line in listing.split(whereSeparator: \.isNewline) {
      let fields = line.split(separator: "\t")
      if fields.count == 2 { commits[String(fields[1])] = String(fields[0]) }
    }
    for source in ref.candidates {
      if let commit = commits[source + "^{}"] ?? commits[source] { return RemoteCommit(source: source, commit: commit) }
    }
    let hint = ref.kind == .name && ref.text.allSatisfy(\.isHexDigit) ? " (a commit must be given in full)" : ""
    throw GitFailure("\(ref.phrase) not found\(hint)")
  }

  /// Fetches the offered commit, unless it is already here.
  /// - Returns: the fetched commit; a later one if the remote has moved on meanwhile.
  func fetch(_ remoteCommit: RemoteCommit) async throws -> String {
    if try await commit(at: Self.fetchedRef) == remoteCommit.commit { return remoteCommit.commit }
    do {
      if isThere(place) {
        try await fetch(remoteCommit, into: place)
        return try await fetchedCommit(in: place)
      }
    } catch let failure as GitFailure {
      return try await fetchAnew(remoteCommit, instead: failure)
    }
    return try await fetchAnew(remoteCommit, instead: nil)
  }

  private func fetchAnew(_ remoteCommit: RemoteCommit, instead failure: GitFailure?) async throws -> String {
    let fresh = place + ".new"
    do {
      remove(fresh)
      try await git.run(
        [
          "init", "--quiet", "--bare", "--template=",
          "--object-format=\(remoteCommit.commit.count == 64 ? "sha256" : "sha1")",
        ]
          + [fresh], limit: limits.local)
      try await fetch(remoteCommit, into: fresh)
      let commit = try await fetchedCommit(in: fresh)
      if failure != nil {
        // The last good commit is kept if it can still be read; if not, it is already lost.
        _ = try await git.attempt(
          ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--", place]
            + ["+\(Self.currentRef):\(Self.currentRef)"], in: fresh, limit: limits.local)
      }
      remove(place)
      guard rename(fresh, place) == 0 else { throw GitFailure("\(place): \(SystemError.last)") }
      return commit
    } catch let second as GitFailure {
      remove(fresh)
      throw failure ?? second
    }
  }

  private func fetch(_ remoteCommit: RemoteCommit, into repository: String) async throws {
    let grant = try access.grant(for: remote, in: git.environment)
    try await git.run(
      [
        "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
        "--no-auto-maintenance", "--", remote.address, "+\(remoteCommit.source):\(Self.fetchedRef)",
      ], in: repository, with: grant, limit: limits.remote)
  }

  private func fetchedCommit(in repository: String) async throws -> String {
    try await line(
      git.run(["rev-parse", "--verify", "\(Self.fetchedRef)^{commit}"], in: repository, limit: limits.local).text)
  }

  /// Returns the last good commit, if git can still resolve it.
  func lastGood() async throws -> String? { try await commit(at: Self.currentRef) }

  private func commit(at reference: String) async throws -> String? {
    guard isThere(place) else { return nil }
    let output = try await git.attempt(
      ["rev-parse", "--verify", "--quiet", "\(reference)^{commit}"], in: place, limit: limits.local)
    return output.isSuccess ? line(output.text) : nil
  }

  /// Records a commit as the last good one.
  func keep(_ commit: String) async throws {
    try await git.run(["update-ref", Self.currentRef, commit], in: place, limit: limits.local)
    // Remains of earlier commits; a failure to remove them does not affect the commit.
    _ = try await git.attempt(
      ["-c", "gc.auto=1000", "-c", "gc.pruneExpire=now", "gc", "--auto", "--quiet"], in: place, limit: limits.local)
  }

  /// - Parameter allowedSigners: a file in the format of ssh-keygen(1), ALLOWED SIGNERS.
  /// - Throws: `GitFailure` unless the commit is signed by one of them. Only ssh signatures count: there is no setting
  ///   for trusted OpenPGP keys.
  func verify(_ commit: String, allowedSigners: String) async throws {
    let output = try await git.attempt(
      [
        "-c", "gpg.ssh.allowedSignersFile=\(allowedSigners)", "-c", "gpg.minTrustLevel=fully",
        "-c", "gpg.openpgp.program=false", "-c", "gpg.x509.program=false", "verify-commit", commit,
      ], in: place, limit: limits.local)
    guard !output.isSuccess else { return }
    throw GitFailure(output.errors.isEmpty ? "it has no signature" : "its signature is not valid: \(output.errors)")
  }

  /// The objects in the store.
  var objects: GitObjects { GitObjects(git: git, repository: place, limit: limits.local) }

  private func line(_ text: String) -> String { String(text.prefix { !$0.isNewline }) }

  private func isThere(_ path: String) -> Bool { Glibc.access(path, F_OK) == 0 }

  private func remove(_ path: String) {
    // Nothing has to be removed if it does not exist; if it cannot be removed, the next step fails.
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// Time limits for git, after which it is killed.
package struct GitTimeLimits: Hashable, Sendable {
  /// For a query to the remote, or a fetch.
  package var remote: Duration
  /// For operations on this machine.
  package var local: Duration

  package init(remote: Duration = .seconds(120), local: Duration = .seconds(120)) {
    self.remote = remote
    self.local = local
  }
}
