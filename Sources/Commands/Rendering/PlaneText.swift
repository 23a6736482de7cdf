internal import Endpoints
internal import LibYAML

/// The settings for a plane as a manifest writes them, under `spec.plane`.
enum PlaneText {
  /// Returns what every entity of the config says; nil if there are none, or if a manifest cannot say it.
  static func settings(_ config: EndpointConfig) -> PlaneArguments? {
    let variable = PlaneArguments.variable
    guard let value = config.entities.first?.environment[variable],
      config.entities.allSatisfy({ $0.environment[variable] == value }),
      let settings = try? PlaneArguments(parsing: value),
      settings.idleAfter == nil || config.entities.contains(where: \.scaleToZero)
    else { return nil }
    return settings
  }

  /// Returns a comment on settings that a manifest cannot express; nil if there are none.
  static func remark(_ config: EndpointConfig) -> String? {
    let isSet = config.entities.contains { $0.environment[PlaneArguments.variable] != nil }
    guard isSet, settings(config) == nil else { return nil }
    return "omitted: plane, because \(PlaneArguments.variable) is not valid or differs between the entities"
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
