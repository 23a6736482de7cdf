import Endpoints
import FoundationEssentials

/// The secrets of a plane: files `SCOPE/KEY` in a folder that only its owner can read. Configs keep the references
/// (`{{secrets/scope/key}}`); values are read when a replica starts, and go only into its environment.
struct SecretFolder: Sendable {
  let path: String

  /// The environment with every reference replaced by its secret.
  func resolve(_ environment: [String: String]) throws(SecretError) -> [String: String] {
    var resolved: [String: String] = [:]
    for (name, value) in environment { resolved[name] = try reference(in: value).map(read) ?? value }
    return resolved
  }

  /// Removes environment values from an engine's output: the referenced secrets, as far as they can be read, and
  /// everything else that is not public.
  func redaction(of environments: [String: String]...) -> Redaction {
    Redaction(
      environments.joined().compactMap { name, value in
        if let resolved = try? reference(in: value).map(read) { return resolved }
        return PublicValue.isPublic(variable: name, value: value) ? nil : value
      })
  }

  /// The finding for the references in an environment; nil if all can be resolved. The plane's own password is not for
  /// endpoints: who may change one could read it.
  func finding(in environment: [String: String]) -> String? {
    if environment.values.contains(PlaneMail.secretReference) {
      return "\(PlaneMail.secretReference) is the password with which the plane sends mail; use another secret"
    }
    do {
      _ = try resolve(environment)
      return nil
    } catch {
      return error.description
    }
  }

  private func reference(in value: String) throws(SecretError) -> SecretReference? {
    guard value.hasPrefix("{{") && value.hasSuffix("}}") else { return nil }
    guard let reference = SecretReference(value), isName(reference.scope), isName(reference.key) else {
      throw SecretError(description: "\(value) is not a valid secret reference; write {{secrets/SCOPE/KEY}}")
    }
    return reference
  }

  private func read(_ reference: SecretReference) throws(SecretError) -> String {
    let file = "\(path)/\(reference.scope)/\(reference.key)"
    do {
      return try String(contentsOfFile: file, encoding: .utf8).trimming("\r\n")
    } catch {
      throw SecretError(
        description:
          "no secret \(reference.scope)/\(reference.key) on this plane; write its value to \(file), "
          + "readable only by the user that runs the plane", isMissing: true)
    }
  }

  private func isName(_ text: String) -> Bool {
    !text.isEmpty && !text.hasPrefix(".")
      && text.utf8.allSatisfy {
        EnvironmentName.isValid("a" + String(decoding: [$0], as: UTF8.self)) || $0 == 45 || $0 == 46
      }
  }
}

/// A secret that cannot be used. Never contains its value.
struct SecretError: Error, CustomStringConvertible {
  let description: String
  /// Whether the reference is valid and only its value is missing, possibly for now.
  var isMissing = false
}
