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
    case .object:
      json.mapMembers { key, value in
        guard key == "environment_vars", case .object = value else { return shown(value) }
        return value.mapMembers { name, value in
          isCredential(variable: name, value: value.stringValue ?? "") ? .string(hidden) : value
        }
      }
    default: json
    }
  }
}
