internal import Endpoints

/// The changes of the settings for a plane (`spec.plane`). They are the endpoint's, although each entity carries them,
/// and are changed in place.
enum PlaneDiff {
  /// Returns each change once; empty exactly when no entity's settings differ from its predecessor's.
  ///
  /// - Parameter pairs: the new entities with the live ones that they continue.
  static func changes(_ pairs: [(new: ServedEntity, old: ServedEntity?)]) -> [FieldChange] {
    var changes: [FieldChange] = []
    for pair in pairs {
      let (from, to) = (pair.old?.environment[variable], pair.new.environment[variable])
      for change in Self.changes(from: from, to: to) where !changes.contains(change) { changes.append(change) }
    }
    return changes
  }

  private static let variable = PlaneArguments.variable

  private static func changes(from: String?, to: String?) -> [FieldChange] {
    guard from != to else { return [] }
    let whole = [
      FieldChange(
        path: "spec.plane", from: from, to: to, effect: .inPlace,
        hiding: { !PublicValue.isPublic(variable: variable, value: $0) })
    ]
    guard let old = arguments(from), let new = arguments(to) else { return whole }
    let changed = zip(old.fields, new.fields).filter { $0.value != $1.value }
    // Another spelling of the same settings is a difference too.
    guard !changed.isEmpty else { return whole }
    return changed.map { before, after in
      FieldChange(path: "spec.plane.\(before.name)", from: before.value, to: after.value, effect: .inPlace)
    }
  }

  /// Returns the settings of a variable's value; none if it is not set, nil if it is not valid.
  private static func arguments(_ text: String?) -> PlaneArguments? {
    guard let text else { return PlaneArguments() }
    return try? PlaneArguments(parsing: text)
  }
}
