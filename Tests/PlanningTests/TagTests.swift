import Endpoints
import Planning
import Testing

@Suite struct TagTests {
  @Test func `a new endpoint has its owner and every tag from the start`() {
    let desired = endpoint(v1, tags: ["team": "support", "cost": "1"], deletionPolicy: .retain)
    let decision = decided(desired, nil, Memory(attempt: attempt(v1, base: .absent)))
    #expect(
      decision.next
        == .call(
          .create(
            name: "chat", config: v1.config,
            tags: [
              "team": "support", "cost": "1", FleetTags.fleet: "f", FleetTags.retain: "true",
              FleetTags.owns: "cost,team",
            ], settings: CreateCallSettings())))
  }

  @Test func `tags are set, changed and removed in one call, and tags of others stay`() {
    let tags = [
      FleetTags.fleet: "f", FleetTags.owns: "gone,team", "gone": "1", "team": "old", "theirs": "x",
    ]
    let decision = decided(endpoint(v1, tags: ["team": "new", "cost": "1"]), live(v1, tags: tags))
    #expect(decision.action == .update)
    #expect(decision.reason.code == .settingsChanged)
    guard case .call(.patchTags(_, let patch)) = decision.next else {
      Issue.record("\(decision.next)")
      return
    }
    #expect(patch == TagPatch(add: ["team": "new", "cost": "1", FleetTags.owns: "cost,team"], remove: ["gone"]))
    let after = live(v1, tags: patch.applied(to: tags))
    #expect(decided(endpoint(v1, tags: ["team": "new", "cost": "1"]), after).action == .none)
  }

  @Test func `without tags in the manifest, nothing is owned any more`() {
    let tags = [FleetTags.fleet: "f", FleetTags.owns: "team", "team": "x", "theirs": "x"]
    let decision = decided(endpoint(v1), live(v1, tags: tags))
    #expect(decision.next.word == "tags -setpoint-owns -team")
  }

  @Test func `a manifest cannot set a tag that is reserved for Setpoint`() {
    let decision = decided(endpoint(v1, tags: [FleetTags.fleet: "other"]), live(v1))
    #expect(decision.action == .none)
  }

  @Test func `tags of the manifest wait for the rollout, and then follow`() {
    let memory = Memory(revisions: revisions((v1, .good)))
    let decision = decided(endpoint(v2, tags: ["team": "x"]), live(v1), memory)
    #expect(decision.action == .update)
    #expect(decision.reason.code == .specChanged)
    #expect(decision.next.word == "open update")
    #expect(decision.operations.map(\.call).map { $0.split(separator: " ").first } == ["PATCH", "PUT"])
  }

  @Test func `tags are kept in sync during a quarantine`() {
    let held = HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest)
    let decision = decided(endpoint(v2, tags: ["team": "x"]), live(v1, held: held))
    #expect(decision.action == .hold)
    #expect(decision.next.word == "tags +setpoint-owns +team")
  }

  @Test func `refused tags hold nothing up and need attention`() {
    let refused = Memory(
      revisions: revisions((v1, .good)),
      backoffs: [
        .tags: TransientFailure(
          digest: nil, failures: 1, until: now + .seconds(9), message: "403 tag policy", isRefusal: true)
      ])
    let inSync = decided(endpoint(v1, tags: ["team": "x"]), live(v1), refused)
    #expect(inSync.action == .hold)
    #expect(inSync.reason == Reason(.refused, "403 tag policy"))
    let changed = decided(endpoint(v2, deletionPolicy: .retain), live(v1), refused)
    #expect(changed.next.word == "open update", "the rollout continues")
    #expect(changed.warnings == ["the tags could not be changed: 403 tag policy"])
  }

  @Test func `many or unusual keys are owned by their hashes, in as many tags as needed`() {
    for keys in [
      (0..<100).map { "a-rather-long-tag-key-\($0)" }, ["comma,inside", "x"], ["#mark"],
      (0..<21).map { "team-\($0)-of-the-support-organisation" },
    ] {
      let tags = OwnedKeys.tags(for: keys)
      #expect(tags.values.allSatisfy { $0.utf8.count <= FleetTags.longestValue })
      #expect(tags.keys.allSatisfy { $0.hasPrefix(FleetTags.owns) })
      let owned = OwnedKeys(tags: tags)
      #expect(keys.allSatisfy(owned.contains))
      #expect(!owned.contains("theirs"))
    }
  }

  @Test func `fewer keys than before leave no old mark behind`() {
    let many = Dictionary(uniqueKeysWithValues: (0..<60).map { ("a-rather-long-tag-key-\($0)", "x") })
    let first = decided(endpoint(v1, tags: many), live(v1))
    guard case .call(.patchTags(_, let patch)) = first.next else {
      Issue.record("\(first.next)")
      return
    }
    let tags = patch.applied(to: mine)
    #expect(tags.keys.filter { $0.hasPrefix(FleetTags.owns) }.count == 3)
    let second = decided(endpoint(v1, tags: ["team": "x"]), live(v1, tags: tags))
    guard case .call(.patchTags(_, let next)) = second.next else {
      Issue.record("\(second.next)")
      return
    }
    #expect(next.applied(to: tags) == [FleetTags.fleet: "f", FleetTags.owns: "team", "team": "x"])
  }

  @Test(arguments: ["", ",,,", "#", "#zz,", "\u{0}"])
  func `a damaged list of owned keys owns nothing`(value: String) {
    let tags = [FleetTags.fleet: "f", FleetTags.owns: value, "theirs": "x"]
    let decision = decided(endpoint(v1), live(v1, tags: tags))
    if case .call(.patchTags(_, let patch)) = decision.next { #expect(!patch.remove.contains("theirs")) }
  }
}
