/// One difference between live and desired state, in the manifest's own terms.
package struct FieldChange: Hashable, Sendable {
  /// Such as `spec.entityVersion`, `spec.servedEntities[name=stable].traffic`, `spec.environment.HF_TOKEN`.
  package let path: String
  /// The live value; nil if absent, ``hidden`` if it may be a credential.
  package let from: String?
  /// The desired value; nil if absent, ``hidden`` or ``hiddenAndChanged`` if it may be a credential.
  package let to: String?
  package let effect: Effect
  /// Whether `from` is shown instead of a value that may be a credential.
  package let isFromHidden: Bool
  /// Whether `to` is shown instead of a value that may be a credential.
  package let isToHidden: Bool

  package init(path: String, from: String?, to: String?, effect: Effect) {
    self.path = path
    self.from = from
    self.to = to
    self.effect = effect
    isFromHidden = false
    isToHidden = false
  }

  /// Creates a change of values, some of which may be credentials and are not kept.
  ///
  /// - Parameter isHidden: whether a value may be a credential.
  init(path: String, from: String?, to: String?, effect: Effect, hiding isHidden: (String) -> Bool) {
    self.path = path
    self.effect = effect
    isFromHidden = from.map(isHidden) ?? false
    isToHidden = to.map(isHidden) ?? false
    self.from = isFromHidden ? Self.hidden : from
    // Two hidden values would look alike; all that may be said is that they differ.
    self.to = isToHidden ? (from == nil ? Self.hidden : Self.hiddenAndChanged) : to
  }

  /// The text for a value that may be a credential.
  package static let hidden = "(hidden)"
  /// The text for a value that may be a credential and differs from the live one.
  package static let hiddenAndChanged = "(hidden, changed)"

  /// The effect of a change on what is serving now, mildest first.
  package enum Effect: String, Hashable, Sendable, CaseIterable, Comparable {
    case none
    /// Nothing is restarted: traffic, tags.
    case inPlace
    /// New replicas start beside the old ones, then traffic switches.
    case rolling
    /// The endpoint is deleted and recreated: downtime, and a new ID.
    case recreate

    package static func < (one: Effect, other: Effect) -> Bool { one.rank < other.rank }
    private var rank: Int {
      switch self {
      case .none: 0
      case .inPlace: 1
      case .rolling: 2
      case .recreate: 3
      }
    }
  }
}

/// A difference that does not count; shown by `--explain`.
package struct IgnoredDifference: Hashable, Sendable {
  package let path: String
  package let live: String
  /// Why it is not drift.
  package let why: String

  package init(path: String, live: String, why: String) {
    self.path = path
    self.live = live
    self.why = why
  }
}
