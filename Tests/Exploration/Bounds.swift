internal import Endpoints
package import Planning

/// Failures and user actions that are bounded: each occurs at most three times in one history.
package enum Fault: Int, CaseIterable, Sendable {
  /// The manifest is edited or removed.
  case edit
  /// Another client changes the config.
  case foreignEdit
  /// Another client deletes the endpoint.
  case foreignDeletion
  /// A user cancels an update at the provider.
  case cancel
  /// The process dies between a call and its record, or a request or its response is lost.
  case crash
  /// `setpoint retry`.
  case retry
  /// `setpoint rollback`.
  case rollback
  /// The provider refuses a write permanently.
  case refusal
  /// The provider refuses a call temporarily.
  case outage
  /// A verification cannot be measured.
  case inconclusive
  /// The rollback target is no longer in the registry.
  case missingTarget
  /// Another machine, without a memory, takes over.
  case amnesia
  /// The endpoint stops being ready; it may recover at any time.
  case illness

  var shift: UInt64 { UInt64(rawValue) * 2 }

  var words: String {
    switch self {
    case .edit: "manifest edits"
    case .foreignEdit: "foreign edits"
    case .foreignDeletion: "foreign deletions"
    case .cancel: "cancels"
    case .crash: "crashes or lost responses"
    case .retry: "retries"
    case .rollback: "manual rollbacks"
    case .refusal: "refused writes"
    case .outage: "outages"
    case .inconclusive: "inconclusive verifications"
    case .missingTarget: "missing targets"
    case .amnesia: "changes of machine"
    case .illness: "illnesses"
    }
  }
}

/// One small world that is explored completely.
package struct Model: Sendable {
  package let name: String
  package let manifests: [Manifest]
  package var faults: [Fault: Int]
  package var options = DecisionOptions(fleet: "f", prune: true)
  package var start: Start = .absent
  /// How often the unlucky version fails.
  package var badLuck = 1
  package var keepsPending = true
  package var tagsMoveLastUpdated = false

  package enum Start: Sendable, CaseIterable {
    case absent
    /// An endpoint without an owner, at a version in the manifests and at another one.
    case unowned
    /// An endpoint of another fleet.
    case otherFleet
  }

  package init(_ name: String, _ manifests: [Manifest], _ faults: [Fault: Int]) {
    self.name = name
    self.manifests = manifests
    self.faults = faults
  }

  package var bounds: String {
    let versions = manifests.map(\.label).joined(separator: ", ")
    let faults = Fault.allCases.compactMap { fault in
      self.faults[fault].flatMap { $0 > 0 ? "\($0) \(fault.words)" : nil }
    }
    let most = faults.isEmpty ? "nothing goes wrong" : "at most \(faults.joined(separator: ", "))"
    return "manifests \(versions); \(most); time unbounded"
  }
}

extension Model {
  /// The small worlds that make up the exploration.
  package static var all: [Model] {
    var dropping = Model(
      "no pending config after a failure", [.init(.good), .init(.broken), .init(.wrong)],
      [.edit: 3, .foreignEdit: 1, .cancel: 1, .crash: 1, .retry: 1, .rollback: 1])
    dropping.keepsPending = false
    dropping.tagsMoveLastUpdated = true
    return [
      Model(
        "failed rollouts", [.init(.good), .init(.broken), .init(.wrong)],
        [.edit: 3, .foreignEdit: 1, .cancel: 1, .crash: 1, .retry: 1, .rollback: 1]),
      dropping,
      Model(
        "bad luck", [.init(.good), .init(.broken), .init(.unlucky)],
        [.edit: 3, .foreignEdit: 1, .cancel: 1, .crash: 1, .retry: 1]),
      Model(
        "slowness", [.init(.good), .init(.wrong), .init(.hanging)],
        [.edit: 2, .foreignEdit: 1, .cancel: 1, .crash: 1, .retry: 1, .inconclusive: 2]),
      Model(
        "illness", [.init(.good), .init(.wrong)],
        [.edit: 2, .foreignEdit: 1, .crash: 1, .retry: 1, .rollback: 1, .illness: 1, .inconclusive: 1]),
      Model(
        "contest", [.init(.good), .init(.broken)], [.edit: 1, .foreignEdit: 3, .crash: 1, .retry: 1, .rollback: 1]),
      Model(
        "removal and retention",
        [.init(.good), .init(.broken), .init(.good, isRetained: true), .init(nil)],
        [.edit: 3, .foreignEdit: 1, .foreignDeletion: 1, .crash: 1, .retry: 1]),
      Model(
        "refusals", [.init(.good), .init(.alsoGood, tag: "x"), .init(.wrong), .init(.good, tag: "y")],
        [.edit: 2, .refusal: 2, .outage: 1, .crash: 1, .retry: 1, .missingTarget: 1, .rollback: 1]),
      Model(
        "another machine", [.init(.good), .init(.broken), .init(.wrong), .init(.alsoGood, onFailure: .hold)],
        [.edit: 2, .foreignEdit: 1, .cancel: 1, .crash: 1, .retry: 1, .amnesia: 1]),
    ] + steppedOrKeeping + [
      adoption(.unowned, adopt: true), adoption(.unowned, adopt: false), adoption(.otherFleet, adopt: true),
      adoption(.otherFleet, adopt: false),
    ]
  }

  private static var steppedOrKeeping: [Model] {
    let steps = Manifest.steps
    func inSteps(_ versions: Version..., keepsPrevious: Bool = false) -> [Manifest] {
      versions.map { Manifest($0, steps: steps, keepsPrevious: keepsPrevious) }
    }
    func keeping(_ versions: Version...) -> [Manifest] { versions.map { Manifest($0, keepsPrevious: true) } }
    return [
      Model(
        "steps", [.init(.good)] + inSteps(.alsoGood, .shy, .fragile),
        [.edit: 2, .cancel: 1, .crash: 1, .retry: 1, .rollback: 1]),
      Model(
        "slow steps", [.init(.good)] + inSteps(.wrong, .hanging, .unlucky),
        [.edit: 2, .foreignEdit: 1, .retry: 1, .inconclusive: 1]),
      Model(
        "steps and another machine", inSteps(.good, .alsoGood, .shy),
        [.edit: 2, .foreignEdit: 1, .crash: 1, .amnesia: 1]),
      Model(
        "the previous version is kept", keeping(.good, .alsoGood, .wrong) + [.init(.alsoGood)],
        [.edit: 2, .foreignEdit: 1, .crash: 1, .rollback: 1]),
      Model(
        "steps, the previous version kept, and another machine", inSteps(.good, .alsoGood, .shy, keepsPrevious: true),
        [.edit: 2, .cancel: 1, .rollback: 1, .amnesia: 1]),
    ]
  }

  private static func adoption(_ start: Start, adopt: Bool) -> Model {
    let what = start == .unowned ? "nobody's endpoint" : "another fleet's endpoint"
    var model = Model(
      "\(what), \(adopt ? "with" : "without") --adopt",
      [.init(.broken), .init(.good), .init(.good, isRetained: true, tag: "x"), .init(nil)],
      // After adoption, the previous owner makes no difference.
      start == .unowned
        ? [.edit: 2, .foreignEdit: 1, .crash: 1, .outage: 1, .refusal: 1] : [.edit: 2, .foreignEdit: 1, .crash: 1])
    model.start = start
    model.options = DecisionOptions(fleet: "f", adopt: adopt, prune: true)
    return model
  }
}
