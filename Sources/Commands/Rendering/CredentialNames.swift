internal import CanonicalJSON
internal import Endpoints
internal import Planning

/// Environment variables whose plain values must not be shown, because the name or the value looks like a credential.
enum CredentialNames {
  static let hidden = "[hidden]"

  static func isCredential(variable: String, value: String) -> Bool {
    if PublicValue.isPublic(variable: variable, value: value) { return false }
    if variable == EngineArguments.variable || CredentialShape.isOne(value) { return true }
    let words = variable.uppercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber })
    return words.contains {
      ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "CREDENTIALS", "APIKEY"].contains($0)
    }
  }

  /// Returns the environment with such values hidden.
  static func shown(_ environment: [String: String]) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: environment.map { ($0, isCredential(variable: $0, value: $1) ? hidden : $1) })
  }

  /// Returns a response of the API with such values hidden wherever `environment_vars` occurs.
  static func shown(_ json: JSONValue) -> JSONValue {
    switch json {
    case .array(let items): .array(items.map(shown))
    case .object(let members):
      .object(
        Dictionary(
          uniqueKeysWithValues: members.map { key, value in
            guard key == "environment_vars", let variables = value.objectValue else { return (key, shown(value)) }
            let texts = variables.map { name, value in
              let isHidden = isCredential(variable: name, value: value.stringValue ?? "")
              return (name, isHidden ? JSONValue.string(hidden) : value)
            }
            return (key, .object(Dictionary(uniqueKeysWithValues: texts)))
          }))
    default: json
    }
  }
}
