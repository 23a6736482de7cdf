/// One difference between live and desired state, in the manifest's own terms.
package struct FieldChange: Hashable, Sendable {
  /// Such as `spec.entityVersion`, `spec.servedEntities[name=stable].traffic`, `spec.environment.HF_TOKEN`.
  package let path: String
  /// The live value; nil if absent. A plain environment value is never shown.
  package let from: String?
  package let to: String?
  package let effect: Effect

  package init(path: String, from: String?, to: String?, effect: Effect) {
    self.path = path
    self.from = from
    self.to = to
    self.effect = effect
  }

  /// The effect of a change on what is serving now, mildest first.
  package enum Effect: String, Hashable, Sendable, CaseIterable, Comparable {
    case none
    /// Nothing is restarted: traffic, tags.
    case inPlace
    /// New replicas start beside the old ones, then traffic switches.
    case rolling
    /// The endpoint is deleted and recreated: downtime, and a new id.
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
