internal import CanonicalJSON
internal import Endpoints
internal import Planning

/// Hides environment values that may be credentials in what is printed.
enum CredentialNames {
  /// Returns the environment with such values hidden.
  static func shown(_ environment: [String: String]) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: environment.map { variable, value in
        (variable, PublicValue.mayBeCredential(variable: variable, value: value) ? FieldChange.hidden : value)
      })
  }

  /// Returns a response of the API with such values hidden wherever `environment_vars` occurs.
  static func shown(_ json: JSONValue) -> JSONValue {
    switch json {
    case .array(let items): .array(items.map(shown))
    case .object:
      json.mapMembers { key, value in
        guard key == "environment_vars", case .object = value else { return shown(value) }
        return value.mapMembers { name, value in
          let isHidden = PublicValue.mayBeCredential(variable: name, value: value.stringValue ?? "")
          return isHidden ? .string(FieldChange.hidden) : value
        }
      }
    default: json
    }
  }
}
