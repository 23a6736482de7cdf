internal import Endpoints

// Beside the table: tags are changed in place and retried, but never held or rolled back.
extension DecisionContext {
  /// Returns the decision on the rollout, with the tags' part added. Ownership and protection are corrected before
  /// anything else; the manifest's own tags wait until the rollout is at rest.
  ///
  /// - Parameter marks: the changes to the tag that says which side settings are managed.
  func withTags(_ main: Decision, marks: TagPatch) -> Decision {
    guard let live else { return main }
    let guardPatch = endpoint.guardPatch(on: live.tags, fleet: options.fleet)
    let settingsPatch = endpoint.settingsPatch(on: live.tags).merging(marks)
    if guardPatch.isEmpty, settingsPatch.isEmpty { return main }

    var decision = main
    decision.tagPatch = guardPatch.merging(settingsPatch)
    let tagging = Operation.patchTags(name: live.name, decision.tagPatch)
    decision.operations.insert(tagging, at: 0)
    if main.action == .none {
      decision.action = .update
      decision.reason = Reason(.settingsChanged)
    }
    guard let patch = patchNow(guardPatch, settingsPatch, while: main) else { return decision }
    if let backoff = memory.backoffs[.tags], now < backoff.until {
      if main.action == .none { return decision.afterBackoff(backoff, now: now) }
      decision.warnings.append("the tags could not be changed: \(backoff.message)")
      return decision
    }
    return decision.then(.call(.patchTags(name: live.name, patch)))
  }

  /// Returns the part of the patches that can be sent now. Nothing is sent while a write may be in flight whose only
  /// trace would be that the endpoint changed, because changing tags may look the same.
  private func patchNow(_ guardPatch: TagPatch, _ settingsPatch: TagPatch, while main: Decision) -> TagPatch? {
    guard memory.attempt.map({ $0.acceptance != nil }) ?? true else { return nil }
    let patch = isAtRest(main) && memory.attempt == nil ? guardPatch.merging(settingsPatch) : guardPatch
    return patch.isEmpty ? nil : patch
  }
}
