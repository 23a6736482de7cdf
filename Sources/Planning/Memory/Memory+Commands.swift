package import Endpoints

/// What a user's command changes on the endpoint and in this machine's memory. The edit itself rolls nothing out; the
/// next decision does.
package struct MemoryEdit: Hashable, Sendable {
  /// The call to make first; nil if none is needed.
  package let operation: Operation?
  /// The change to record afterwards.
  package let change: MemoryChange
  /// The target of a rollback; nil for other commands.
  package let goal: RollbackGoal?

  init(operation: Operation?, change: MemoryChange, goal: RollbackGoal? = nil) {
    self.operation = operation
    self.change = change
    self.goal = goal
  }
}

/// The target revision of a rollback.
package struct RollbackGoal: Hashable, Sendable {
  package let revision: Int
  /// Whether it is newer than the live revision: then it is called a restore and not a rollback.
  package let isNewer: Bool
}

/// Why a user's command cannot be carried out.
package struct CommandRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  /// What to do next; nil if the description says it.
  package let next: String?

  package init(description: String, next: String? = nil) {
    self.description = description
    self.next = next
  }

  fileprivate static func notOwned(_ live: ObservedEndpoint, by fleet: String) -> CommandRefusal {
    guard let owner = live.fleet else {
      return CommandRefusal(
        description: "\(live.name) is not changed: \(live.ownerClause)",
        next: "adopt it first: \"setpoint import \(live.name) | setpoint apply -f - --adopt\"")
    }
    return CommandRefusal(
      description: "\(live.name) belongs to fleet \"\(owner)\", and this command acts for fleet \"\(fleet)\"",
      next: "to act for that fleet, add --fleet \(ShellWord.quoted(owner))")
  }
}

extension Memory {
  /// Carries out `rollback NAME [--to N]`: holds the current config, with another good revision as the target.
  ///
  /// - Parameters:
  ///   - number: the number of the target revision; nil for the newest good one that is not live.
  ///   - live: the live endpoint.
  ///   - fleet: the fleet that the command acts for.
  /// - Throws: if the endpoint is not the fleet's, the revision does not exist, or its config is not available.
  package func rollback(
    to number: Int?, live: ObservedEndpoint, fleet: String
  ) throws(CommandRefusal) -> MemoryEdit {
    guard live.belongs(to: fleet) else {
      throw .notOwned(live, by: fleet)
    }
    let present = heldOrPresentDigest(live)
    let target = try rollbackTarget(number, leaving: present, live: live)
    if isHeldAt(target, live) {
      throw CommandRefusal(
        description: "\(live.name) is already at revision \(target.number); it stays there",
        next: "\"setpoint retry \(live.name)\" lifts the hold")
    }
    let held = HeldConfig(digest: present, cause: .rollback, target: target.digest)
    return MemoryEdit(
      operation: .patchTags(name: live.name, TagPatch(add: [FleetTags.held: HeldTag.encode(held)])), change: .retried,
      goal: RollbackGoal(
        revision: target.number, isNewer: liveRevision(live).map { $0.number < target.number } ?? false))
  }

  /// Whether the revision is live and a hold already keeps the endpoint there.
  private func isHeldAt(_ target: Revision, _ live: ObservedEndpoint) -> Bool {
    guard let held = HeldTag(tags: live.tags).held, !live.update.isUpdating, attempt == nil else { return false }
    return (held.target == nil || held.target == target.digest) && liveRevision(live)?.digest == target.digest
  }

  /// The revision that is live, as far as this machine knows.
  private func liveRevision(_ live: ObservedEndpoint) -> Revision? {
    let config = live.active?.config
    return revisions.last { revision in
      config.map { live in revision.config?.isMet(by: live) ?? (revision.digest == live.digest) } ?? false
    } ?? revisions.last { $0.isLive(in: config) }
  }

  /// The manifest's last known config: the held one, else the one that was rolled out last.
  private func heldOrPresentDigest(_ live: ObservedEndpoint) -> ConfigDigest {
    if let held = HeldTag(tags: live.tags).held { return held.digest }
    if isLeaving(live), let attempt { return attempt.digest }
    // In the middle of its steps, the rollout counts as live, whichever version has the larger share.
    if let attempt, !attempt.isAtLastStep { return attempt.digest }
    return liveRevision(live)?.digest ?? attempt?.digest ?? revisions.last?.digest ?? live.active?.config.digest
      ?? EndpointConfig(entities: []).digest
  }

  /// Whether an update of this machine is replacing the live config, so that the coming config is the manifest's.
  private func isLeaving(_ live: ObservedEndpoint) -> Bool { live.update.isUpdating && attempt?.kind == .update }

  private func rollbackTarget(
    _ number: Int?, leaving present: ConfigDigest, live: ObservedEndpoint
  ) throws(CommandRefusal) -> Revision {
    let target: Revision
    if let number {
      guard let named = revisions.last(where: { $0.number == number }) else {
        throw CommandRefusal(
          description: "\(live.name) has no revision \(number); \(knownRevisions)",
          next: "\"setpoint history \(live.name)\" lists the revisions")
      }
      if isRollingOut(named, on: live) {
        throw CommandRefusal(
          description: "revision \(number) of \(live.name) is being rolled out",
          next: "\"setpoint wait \(live.name)\" waits for it; to leave it, choose another revision")
      }
      guard named.isGood else {
        throw CommandRefusal(
          description: "revision \(number) of \(live.name) was never good (\(named.outcome.word))",
          next: "\"setpoint history \(live.name)\" lists the revisions")
      }
      target = named
    } else {
      let others = revisions.filter { revision in
        revision.isGood && revision.digest != present
          && (isLeaving(live) || !(live.active.map { revision.config?.isMet(by: $0.config) ?? false } ?? false))
      }
      let other = revisions.contains(where: \.isGood) ? "other " : ""
      guard let newest = others.max(by: { $0.established ?? 0 < $1.established ?? 0 }) else {
        throw CommandRefusal(
          description: "\(live.name) has no \(other)good revision in this machine's history",
          next: "\"setpoint history \(live.name)\" lists the revisions")
      }
      target = newest
    }
    guard target.digest != present else {
      guard HeldTag(tags: live.tags).held == nil else {
        throw CommandRefusal(
          description: "revision \(target.number) of \(live.name) is held",
          next: "\"setpoint retry \(live.name)\" lifts the hold and rolls it out")
      }
      throw CommandRefusal(description: "\(live.name) is already at revision \(target.number)")
    }
    guard target.config != nil else {
      throw CommandRefusal(
        description:
          "the config of revision \(target.number) is not available: an environment value is not known on this machine")
    }
    return target
  }

  /// Whether the revision's config is the target of an update that the provider carries out, and is not held.
  private func isRollingOut(_ revision: Revision, on live: ObservedEndpoint) -> Bool {
    guard let attempt, attempt.kind == .update, attempt.digest == revision.digest else { return false }
    guard attempt.refusal == nil, attempt.acceptance != nil || live.update.isUpdating else { return false }
    return HeldTag(tags: live.tags).held?.digest != revision.digest
  }

  /// The numbers of the revisions as text; of many, only the newest.
  private var knownRevisions: String {
    guard !revisions.isEmpty else { return "this machine's history has none" }
    let newest = revisions.suffix(10).map { "\($0.number)" }.joined(separator: ", ")
    return revisions.count > 10 ? "its newest are \(newest)" : "it has \(newest)"
  }

  /// Carries out `retry NAME`: lifts the hold and ends every wait.
  ///
  /// - Throws: if the endpoint is not the fleet's, or there is nothing to retry.
  package func retry(name: String, live: ObservedEndpoint?, fleet: String) throws(CommandRefusal) -> MemoryEdit {
    if let live, !live.belongs(to: fleet) {
      throw .notOwned(live, by: fleet)
    }
    let isTagged = live?.tags[FleetTags.held] != nil
    guard isTagged || hasSomethingToRetry else {
      let state = attempt == nil ? "" : "; its \(attempt?.kind == .rollback ? "rollback" : "update") is in progress"
      throw CommandRefusal(
        description: "\(name) is not held, and no call for it has failed; nothing to retry\(state)")
    }
    return MemoryEdit(
      operation: isTagged ? .patchTags(name: name, TagPatch(remove: [FleetTags.held])) : nil, change: .retried)
  }

  /// Whether there is a wait that a user may cut short.
  private var hasSomethingToRetry: Bool {
    if heldWhileAbsent != nil || !backoffs.isEmpty || corrections.count >= Correction.limit { return true }
    if case .inconclusive = attempt?.verification?.verdict { return true }
    return false
  }
}

extension Revision {
  /// Whether it has all of the traffic, with one version kept beside it.
  fileprivate func isLive(in active: EndpointConfig?) -> Bool {
    guard let active, let config, let kept = active.entity(beside: config), kept.traffic == 0 else { return false }
    return config.isMet(by: active.without(kept))
  }
}
