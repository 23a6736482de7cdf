internal import Endpoints
internal import Planning

/// Selects the revisions of an endpoint to be removed, so that its history does not grow indefinitely.
///
/// The newest are kept, fewer of them when they are old. Kept regardless of age: the last good ones, which are the
/// rollback targets; the last failed ones, one of which may be held and retried; and those that an attempt, a hold or a
/// correction refers to.
enum RevisionRetention {
  /// How many of the newest are kept.
  private static let newest = 100
  /// How many of the newest are kept although they are older than ``age``.
  private static let newestOfOld = 20
  /// The age from which a revision or an event is old.
  private static let age: Duration = .seconds(180 * 24 * 3600)
  /// How many of the last good, and how many of the last that did not become good, are always kept.
  private static let waysBack = 10

  /// The moment before which records are old.
  static func oldUntil(_ now: Timestamp) -> Timestamp { now + age * -1 }

  /// Returns the numbers of the revisions to be removed.
  static func expired(in memory: Memory, at now: Timestamp) -> [Int] {
    let revisions = memory.revisions
    let young = revisions.suffix(newest).filter { $0.recordedAt >= oldUntil(now) }
    let good = revisions.filter(\.isGood).sorted { $0.established ?? 0 < $1.established ?? 0 }
    let numbers = Set(
      (revisions.suffix(newestOfOld) + young + good.suffix(waysBack) + revisions.filter { !$0.isGood }.suffix(waysBack))
        .map(\.number) + [memory.attempt?.revision].compactMap(\.self))
    let digests = named(in: memory)
    return revisions.filter { !numbers.contains($0.number) && !digests.contains($0.digest) }.map(\.number)
  }

  private static func named(in memory: Memory) -> Set<ConfigDigest> {
    let attempt = memory.attempt
    let corrections = memory.corrections + [attempt?.correction].compactMap(\.self)
    let single = [
      attempt?.digest, memory.heldWhileAbsent?.digest, memory.heldWhileAbsent?.target, memory.targetCheck?.digest,
    ].compactMap(\.self)
    return Set(single + corrections.flatMap { [$0.target, $0.live] } + memory.backoffs.values.compactMap(\.digest))
  }
}
