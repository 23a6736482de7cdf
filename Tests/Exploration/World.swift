internal import Endpoints
internal import Planning

/// The provider and the memory together: what a decision reads and changes.
struct World: Hashable, Sendable {
  var provider: Provider
  var memory: Memory
}

extension World {
  /// The same world with everything renamed that a decision cannot distinguish: version numbers keep their order, ids
  /// and last-updated times their equality, revisions their ranks. This keeps the number of worlds small; the explorer
  /// checks for each world that the decision is the same for the real one and the renamed one.
  func canonical(_ model: Model) -> World {
    var copy = self
    copy.forgetWhatNobodyReads(model)
    copy.renameVersions()
    copy.renameTouches()
    copy.renameIDs()
    copy.memory.tidyRevisions()
    copy.memory.tidyTimes()
    return copy
  }

  /// The world one tick later.
  func aged(_ model: Model) -> World {
    var copy = self
    if let live = provider.live {
      copy.provider.live = live.with(
        active: .some(live.active?.aged), pending: .some(live.pending?.aged))
    }
    copy.memory.age()
    return copy.canonical(model)
  }

  /// Members that are only for users, and times that others supersede.
  private mutating func forgetWhatNobodyReads(_ model: Model) {
    memory.lastVersion = nil
    memory.endpointID = nil
    memory.policy = nil
    // It takes three reverts of other clients' changes to be contested.
    if model.faults[.foreignEdit] ?? 0 <= 1 { memory.corrections = [] }
    guard let attempt = memory.attempt else {
      forgetFormerUpdate(model)
      return
    }
    memory.attempt = attempt.with(
      openedAt: attempt.acceptance == nil ? nil : ModelTime.now,
      verification: attempt.verification.map { verification in
        guard case .inconclusive = verification.verdict else {
          let isHeld = verification.verdict == .passed && attempt.step?.hold ?? .zero > .zero
          return .init(
            verdict: verification.verdict, checksDigest: verification.checksDigest, firstAskedAt: ModelTime.now,
            lastAskedAt: isHeld ? max(verification.lastAskedAt, ModelTime.aged(ModelTime.now)) : ModelTime.now)
        }
        return .init(
          verdict: verification.verdict, checksDigest: verification.checksDigest,
          firstAskedAt: verification.firstAskedAt,
          lastAskedAt: max(verification.lastAskedAt, ModelTime.aged(ModelTime.now)))
      },
      correction: attempt.correction.map { _ in
        Correction(target: attempt.digest, live: attempt.digest, at: ModelTime.now)
      })
    if let live = provider.live, let pending = live.pending, let version = Version.of(attempt.digest),
      pending.config.entities.first(where: { Version.of($0) == version })?.traffic == attempt.step?.traffic ?? 100
    {
      provider.live = live.with(
        pending: .some(
          ObservedConfig(
            version: pending.version, config: pending.config, deployments: pending.deployments,
            startTime: ModelTime.now.milliseconds)))
    }
  }

  /// The outcome of an update that is judged: if failures keep showing their config, the next one is recognized by it,
  /// and otherwise by whether one was showing before.
  private mutating func forgetFormerUpdate(_ model: Model) {
    guard let live = provider.live, !live.update.isUpdating else { return }
    provider.live = live.with(
      pending: .some(nil),
      update: model.keepsPending || live.update == .notUpdating ? .notUpdating : .failed)
  }

  private mutating func renameVersions() {
    var versions: Set<Int64> = []
    if let live = provider.live {
      versions.formUnion([live.active?.version, live.pending?.version].compactMap(\.self))
    }
    if let announced = memory.attempt?.acceptance?.version { versions.insert(announced) }
    if case .present(_, let version?, _, _) = memory.attempt?.base { versions.insert(version) }
    let ranks = Dictionary(uniqueKeysWithValues: versions.sorted().enumerated().map { ($1, Int64($0 + 1)) })
    func rank(_ version: Int64) -> Int64 { ranks[version] ?? version }
    provider.lastVersion = Int64(ranks.count)
    if let live = provider.live {
      provider.live = live.with(
        active: .some(live.active.map { $0.with(version: rank($0.version)) }),
        pending: .some(live.pending.map { $0.with(version: rank($0.version)) }))
    }
    memory.attempt = memory.attempt.map { attempt in
      var base = attempt.base
      if case .present(let id, let version, let lastUpdated, let hadFailed) = base {
        base = .present(id: id, version: version.map(rank), lastUpdated: lastUpdated, hadFailed: hadFailed)
      }
      return attempt.with(
        base: base, acceptance: attempt.acceptance.map { .init(at: $0.at, version: $0.version.map(rank)) })
    }
  }

  private mutating func renameTouches() {
    guard let live = provider.live else { return }
    guard let attempt = memory.attempt, case .present(let id, let version, let base, let hadFailed) = attempt.base
    else {
      provider.live = live.with(lastUpdated: 1)
      return
    }
    let isMoved = base != live.lastUpdated
    provider.live = live.with(lastUpdated: isMoved ? 2 : 1)
    memory.attempt = attempt.with(base: .present(id: id, version: version, lastUpdated: 1, hadFailed: hadFailed))
  }

  private mutating func renameIDs() {
    let real = provider.live?.id
    if let live = provider.live { provider.live = live.with(id: "id") }
    if let attempt = memory.attempt, case .present(let id, let version, let base, let hadFailed) = attempt.base {
      memory.attempt = attempt.with(
        base: .present(id: id == real ? "id" : "old", version: version, lastUpdated: base, hadFailed: hadFailed))
    }
    memory.endpointID = memory.endpointID.map { $0 == real ? "id" : "old" }
  }
}

extension ObservedConfig {
  fileprivate func with(version: Int64) -> ObservedConfig {
    ObservedConfig(version: version, config: config, deployments: deployments, startTime: startTime)
  }

  fileprivate var aged: ObservedConfig {
    ObservedConfig(
      version: version, config: config, deployments: deployments,
      startTime: startTime.map { ModelTime.aged(Timestamp(milliseconds: $0)).milliseconds })
  }
}

extension Attempt {
  fileprivate func with(
    base: Base? = nil, revision: Int? = nil, openedAt: Timestamp? = nil, acceptance: Acceptance?? = nil,
    verification: Verification?? = nil, correction: Correction?? = nil
  ) -> Attempt {
    Attempt(
      digest: digest, kind: kind, revision: revision ?? self.revision, base: base ?? self.base,
      openedAt: openedAt ?? self.openedAt, correction: correction ?? self.correction, checksDigest: checksDigest,
      step: step,
      acceptance: acceptance ?? self.acceptance, refusal: refusal, verification: verification ?? self.verification)
  }
}

extension Memory {
  /// One revision per digest, the newest, with the best standing among them; numbered in order of standing, the newest
  /// last.
  fileprivate mutating func tidyRevisions() {
    guard let last = revisions.last else { return }
    var kept: [Revision] = []
    for revision in revisions where !revision.isForgettable(besides: last, attempt) {
      if let index = kept.firstIndex(where: { $0.digest == revision.digest }) {
        kept[index].established = [kept[index].established, revision.established].compactMap(\.self).max()
      } else {
        kept.append(revision)
      }
    }
    let standing = kept.sorted {
      (($0.digest == last.digest ? 1 : 0), $0.established ?? 0, $0.digest)
        < (($1.digest == last.digest ? 1 : 0), $1.established ?? 0, $1.digest)
    }
    let ordinals = standing.compactMap(\.established).sorted()
    revisions = standing.enumerated().map { index, revision in
      Revision(
        number: index + 1, digest: revision.digest, config: revision.config, recordedAt: ModelTime.now,
        outcome: revision.digest == last.digest && last.outcome == .superseded ? .superseded : .pending,
        established: revision.established.flatMap { ordinals.firstIndex(of: $0) }.map { $0 + 1 })
    }
    if let attempt {
      let number = revisions.first { $0.digest == attempt.digest }?.number
      self.attempt = attempt.with(revision: number ?? attempt.revision)
    }
  }

  /// Past times that cannot change anything any more are forgotten, and all backoffs have the same length.
  fileprivate mutating func tidyTimes() {
    for (kind, backoff) in backoffs {
      backoffs[kind] =
        backoff.until <= ModelTime.now
        ? nil
        : TransientFailure(
          digest: backoff.digest, failures: 1, until: ModelTime.now + .seconds(1), message: backoff.message,
          isRefusal: backoff.isRefusal)
    }
    corrections.removeAll { $0.at + Correction.window <= ModelTime.now }
    corrections.sort { ($0.target, $0.live, $0.at) < ($1.target, $1.live, $1.at) }
    if let check = targetCheck, check.at < ModelTime.now { targetCheck = nil }
  }

  fileprivate mutating func age() {
    backoffs = [:]
    targetCheck = nil
    corrections = corrections.map { Correction(target: $0.target, live: $0.live, at: ModelTime.aged($0.at)) }
    guard let attempt else { return }
    self.attempt = attempt.with(
      openedAt: ModelTime.aged(attempt.openedAt),
      acceptance: attempt.acceptance.map { .init(at: ModelTime.aged($0.at), version: $0.version) },
      verification: attempt.verification.map {
        .init(
          verdict: $0.verdict, checksDigest: $0.checksDigest, firstAskedAt: ModelTime.aged($0.firstAskedAt),
          lastAskedAt: ModelTime.aged($0.lastAskedAt))
      },
      correction: attempt.correction.map {
        Correction(target: $0.target, live: $0.live, at: ModelTime.aged($0.at))
      })
  }
}

extension Revision {
  /// Configs that can never be live need not be recorded.
  fileprivate func isForgettable(besides last: Revision, _ attempt: Attempt?) -> Bool {
    guard let version = Version.of(digest), [.broken, .hanging].contains(version) else { return false }
    return digest != attempt?.digest && !(digest == last.digest && last.outcome == .superseded)
  }
}

/// A world as a key: its hash is computed once, and looking it up copies a reference and not the world.
final class WorldKey: Hashable, Sendable {
  let world: World
  private let hashed: Int

  init(_ world: World) {
    self.world = world
    var hasher = Hasher()
    world.provider.combine(into: &hasher)
    world.memory.combine(into: &hasher)
    hashed = hasher.finalize()
  }

  static func == (one: WorldKey, other: WorldKey) -> Bool {
    one.hashed == other.hashed && one.world == other.world
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hashed) }
}

// What distinguishes worlds; hashing every config in them in full would cost more than the rest of the exploration.

extension Provider {
  fileprivate func combine(into hasher: inout Hasher) {
    hasher.combine(bad)
    guard let live else { return }
    for config in [live.active, live.pending] {
      hasher.combine(config?.version)
      for entity in config?.config.entities ?? [] {
        hasher.combine(entity.entityVersion)
        hasher.combine(entity.traffic)
      }
      hasher.combine(config?.startTime)
    }
    hasher.combine(live.update)
    hasher.combine(live.lastUpdated)
    hasher.combine(live.readiness)
    hasher.combine(live.tags)
  }
}

extension Memory {
  fileprivate func combine(into hasher: inout Hasher) {
    for revision in revisions {
      hasher.combine(revision.digest)
      hasher.combine(revision.established)
      hasher.combine(revision.outcome == .superseded)
    }
    hasher.combine(attempt)
    hasher.combine(heldWhileAbsent)
    hasher.combine(backoffs)
    hasher.combine(corrections)
    hasher.combine(targetCheck)
  }
}
