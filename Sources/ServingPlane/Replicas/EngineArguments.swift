import CanonicalJSON

/// The engine flags a manifest carries to a plane in the environment, under ``variable``.
enum EngineArguments {
  /// The variable's name. It is read by the plane and not passed on.
  static let variable = "SETPOINT_ENGINE_ARGS"

  /// The words to append to the entrypoint.
  ///
  /// - Parameter text: a JSON array of words (`["--dtype", "float16"]`); or an object of vLLM's options in either spelling
  ///   (`{"maxModelLen": 4096, "enforce-eager": true, "extraArgs": ["--seed", "1"]}`), where `true` is the bare flag and
  ///   `false` leaves it out.
  static func words(_ text: String) throws(EntrypointError) -> [String] {
    let value: JSONValue
    do { value = try JSONValue(parsing: text) } catch {
      throw EntrypointError(description: "\(variable) is \(error)")
    }
    switch value {
    case .array(let items): return try items.map { item throws(EntrypointError) in try word(item) }
    case .object(let members):
      var words: [String] = []
      for (name, value) in members.sorted(by: { $0.key < $1.key }) { words += try option(name, value) }
      return words
    default: throw EntrypointError(description: "\(variable) must be a JSON array of words or an object of options")
    }
  }

  private static func option(_ name: String, _ value: JSONValue) throws(EntrypointError) -> [String] {
    if name == "extraArgs" {
      guard let items = value.arrayValue else {
        throw EntrypointError(description: "\(variable): extraArgs must be an array of words")
      }
      return try items.map { item throws(EntrypointError) in try word(item) }
    }
    let flag = name.hasPrefix("--") ? name : "--" + kebab(name)
    switch value {
    case .bool(true): return [flag]
    case .bool(false), .null: return []
    case .array, .object: return [flag, value.text()]
    default: return [flag, try word(value)]
    }
  }

  private static func word(_ value: JSONValue) throws(EntrypointError) -> String {
    switch value {
    case .string(let text): return text
    case .int, .double: return value.text()
    default: throw EntrypointError(description: "\(variable): \(value.text()) is no word")
    }
  }

  private static func kebab(_ name: String) -> String {
    var flag = ""
    for character in name {
      if character.isUppercase { flag += "-" + character.lowercased() } else { flag.append(character) }
    }
    return flag.replacing("_", with: "-")
  }
}
