internal import Endpoints
internal import LibYAML

/// The settings for a plane under the names that they have in a manifest, in `spec.plane`.
enum PlaneText {
  /// Returns the settings that every entity of the config has; nil if there are none, or if a manifest cannot express
  /// them.
  static func settings(_ config: EndpointConfig) -> PlaneArguments? {
    let variable = PlaneArguments.variable
    guard let value = config.entities.first?.environment[variable],
      config.entities.allSatisfy({ $0.environment[variable] == value }),
      let settings = try? PlaneArguments(parsing: value),
      settings.idleAfter == nil || config.entities.contains(where: \.scaleToZero)
    else { return nil }
    return settings
  }

  /// Whether the config has settings that a manifest cannot express.
  static func isInexpressible(_ config: EndpointConfig) -> Bool {
    config.entities.contains { $0.environment[PlaneArguments.variable] != nil } && settings(config) == nil
  }

  /// Returns the settings in one line: `concurrency 8, queue.wait 1m30s`; empty if there are none.
  static func line(_ settings: PlaneArguments) -> String {
    settings.fields.compactMap { name, value in value.map { "\(name) \($0)" } }.joined(separator: ", ")
  }

  static func yaml(_ settings: PlaneArguments) -> YAMLValue {
    var fields: [(key: String, value: YAMLValue)] = []
    var queue: [(key: String, value: YAMLValue)] = []
    for (name, text) in settings.fields {
      guard let text else { continue }
      let value: YAMLValue = if let number = Int(text) { .integer(number) } else { .string(text) }
      if name.hasPrefix("queue.") {
        queue.append((String(name.dropFirst("queue.".count)), value))
      } else {
        fields.append((name, value))
      }
    }
    if !queue.isEmpty { fields.append(("queue", .mapping(queue))) }
    return .mapping(fields)
  }
}
