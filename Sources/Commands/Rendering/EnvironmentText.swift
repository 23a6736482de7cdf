internal import CanonicalJSON
internal import Endpoints
internal import Planning

/// The environment of a served entity as text. What a manifest writes under `engine` or `plane` is not shown as a
/// variable, although the serving API carries it in one.
enum EnvironmentText {
  /// Returns a line for the engine's flags and one for its adapters, then one for each variable; values that may be
  /// credentials are hidden.
  ///
  /// - Parameter hasPlane: whether the settings for a plane are shown with the config.
  static func lines(_ environment: [String: String], hasPlane: Bool) -> [String] {
    var shown = CredentialNames.shown(environment)
    if hasPlane { shown[PlaneArguments.variable] = nil }
    var lines: [String] = []
    if let flags = shown[EngineArguments.variable].flatMap(Self.flags) {
      shown[EngineArguments.variable] = nil
      lines.append("engine: \(flags)")
    }
    if let adapters = shown[EngineAdapters.variable].flatMap(Self.adapters) {
      shown[EngineAdapters.variable] = nil
      lines.append("adapters: \(adapters)")
    }
    return lines + shown.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }

  /// Returns the flags as on a command line; nil if the value is not a list of texts, which Setpoint did not write.
  private static func flags(_ value: String) -> String? {
    if value == FieldChange.hidden { return value }
    guard let items = try? JSONValue(parsing: value).arrayValue else { return nil }
    let words = items.compactMap(\.stringValue)
    return words.isEmpty || words.count < items.count ? nil : ShellWord.line(words)
  }

  /// Returns each adapter's name, model and version; nil if the value is not valid, which Setpoint did not write.
  private static func adapters(_ value: String) -> String? {
    guard let adapters = try? EngineAdapters(parsing: value) else { return nil }
    return adapters.list.map { "\($0.name) \($0.model) \($0.version)" }.joined(separator: ", ")
  }
}
