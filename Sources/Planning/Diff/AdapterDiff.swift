internal import Endpoints

/// The changes of an entity's LoRA adapters (`engine.adapters`). An engine loads them when it starts.
enum AdapterDiff {
  /// Returns the changes, one for each adapter; empty exactly when the variable's values are equal.
  ///
  /// - Parameters:
  ///   - from: the live value of the variable; nil if it is not set.
  ///   - to: the desired value.
  ///   - path: the entity's path.
  static func changes(from: String?, to: String?, path: String) -> [FieldChange] {
    guard from != to else { return [] }
    let path = path + ".engine.adapters"
    let variable = EngineAdapters.variable
    let whole = [
      FieldChange(
        path: path, from: from, to: to, effect: .rolling,
        hiding: { !PublicValue.isPublic(variable: variable, value: $0) })
    ]
    guard let old = versions(from), let new = versions(to) else { return whole }
    let changed = Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
    // Another spelling of the same adapters is a difference too.
    guard !changed.isEmpty else { return whole }
    return changed.map { name in
      FieldChange(path: "\(path)[name=\(name)]", from: old[name], to: new[name], effect: .rolling)
    }
  }

  /// Returns each adapter's model and version by its name; empty if the variable is not set, nil if it is not valid.
  private static func versions(_ text: String?) -> [String: String]? {
    guard let text else { return [:] }
    guard let adapters = try? EngineAdapters(parsing: text) else { return nil }
    return Dictionary(uniqueKeysWithValues: adapters.list.map { ($0.name, "\($0.model) version \($0.version)") })
  }
}
