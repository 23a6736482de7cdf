internal import Endpoints

/// What to do about a name that was not found.
enum KnownNames {
  /// Returns `did you mean "chat"? …`, followed by another next step; only that step if no known name is similar.
  ///
  /// - Parameters:
  ///   - names: those that were not found.
  ///   - otherwise: the command that lists the names, or whatever else helps.
  static func next(_ names: [String], among known: some Collection<String>, otherwise: String) -> String {
    let near = names.compactMap { name in Similarity.closest(to: name, among: known.filter { $0 != name }) }
    guard !near.isEmpty else { return otherwise }
    return "did you mean \(near.map { "\"\($0)\"" }.joined(separator: " and "))? \(otherwise)"
  }
}
