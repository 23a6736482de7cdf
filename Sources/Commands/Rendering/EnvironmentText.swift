internal import CanonicalJSON
internal import Endpoints
internal import Planning

/// The environment of a served entity as text. What a manifest writes under `engine` or `plane` is not shown as a
/// variable, although the serving API carries it in one.
enum EnvironmentText {
  /// Returns a line for the engine's flags, then one for each variable; values that may be credentials are hidden.
  ///
  /// - Parameter hasPlane: whether the settings for a plane are shown with the config.
  static func lines(_ environment: [String: String], hasPlane: Bool) -> [String] {
    var shown = CredentialNames.shown(environment)
    if hasPlane { shown[PlaneArguments.variable] = nil }
    let engine = shown[EngineArguments.variable].flatMap(flags)
    if engine != nil { shown[EngineArguments.variable] = nil }
    let variables = shown.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return (engine.map { ["engine: \($0)"] } ?? []) + variables
  }

  /// Returns the flags as on a command line; nil if the value is not a list of texts, which Setpoint did not write.
  private static func flags(_ value: String) -> String? {
    if value == FieldChange.hidden { return value }
    guard let items = try? JSONValue(parsing: value).arrayValue else { return nil }
    let words = items.compactMap(\.stringValue)
    return words.isEmpty || words.count < items.count ? nil : ShellWord.line(words)
  }
}
