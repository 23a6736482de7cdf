internal import CanonicalJSON
internal import Endpoints
internal import FoundationEssentials
internal import LibYAML

/// The values of a bundle's variables, in Databricks' order of precedence: `--var`, the environment
/// (`BUNDLE_VAR_NAME`), the target's file of overrides, the target, the default.
struct BundleVariables {
  private let definitions: SourcedValue?
  private let target: SourcedValue?
  private let assigned: [String: SourcedValue]

  /// - Parameters:
  ///   - definitions: `variables` of the bundle.
  ///   - target: `variables` of the target.
  ///   - flags: the values of `--var`: `NAME=VALUE`, or several separated by commas.
  ///   - overrides: the content of the target's file of overrides.
  /// - Throws: an ``ErrorReport`` for an invalid assignment.
  init(
    _ definitions: SourcedValue?, target: SourcedValue?, flags: [String], environment: [String: String],
    overrides: SourcedValue?
  ) throws {
    self.definitions = definitions
    self.target = target
    let known = definitions?.members ?? [:]
    var assigned = (overrides?.members ?? [:]).filter { known[$0.key] != nil }
    for (name, definition) in known {
      guard let text = environment["BUNDLE_VAR_\(name)"] else { continue }
      try Self.checkPlain(name, definition, "BUNDLE_VAR_\(name)")
      assigned[name] = SourcedValue(text, at: SourceLocation(file: "BUNDLE_VAR_\(name)", line: 1, column: 1))
    }
    for (name, text) in try Self.assignments(flags, known: Set(known.keys)) {
      guard let definition = known[name] else {
        throw ErrorReport(
          "the bundle has no variable \(name)", place: "--var",
          next: known.isEmpty ? "omit --var" : "its variables are \(known.keys.sorted().joined(separator: ", "))")
      }
      try Self.checkPlain(name, definition, "--var")
      assigned[name] = SourcedValue(text, at: SourceLocation(file: "--var \(name)", line: 1, column: 1))
    }
    self.assigned = assigned
  }

  /// The value of a variable; nil if it has none, or if it is looked up in a workspace.
  subscript(name: String) -> SourcedValue? {
    if let value = assigned[name] { return value }
    if let own = target?[name] {
      guard Self.isDefinition(own) else { return own }
      if let value = own["default"] { return value }
      if own["lookup"] != nil { return nil }
    }
    let definition = definitions?[name]
    return definition?["lookup"] == nil ? definition?["default"] : nil
  }

  /// Whether a target's value is a definition like the bundle's own; otherwise it is the value alone.
  private static func isDefinition(_ value: SourcedValue) -> Bool {
    guard let keys = value.members?.keys, !keys.isEmpty else { return false }
    return keys.allSatisfy(["default", "lookup", "type", "description"].contains)
  }

  private static func checkPlain(_ name: String, _ definition: SourcedValue, _ place: String) throws {
    guard definition["type"]?.text == "complex" else { return }
    throw ErrorReport(
      "the variable \(name) is complex and cannot be set to a string", place: place,
      next: "set it in the bundle, in a target, or in the target's variable-overrides.json")
  }

  /// Splits assignments. A comma ends a value only if a variable's name follows it.
  private static func assignments(
    _ flags: [String], known: Set<String>
  ) throws -> [(name: String, value: String)] {
    var result: [(name: String, value: String)] = []
    for flag in flags {
      for (index, piece) in flag.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
        let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, index == 0 || known.contains(String(parts[0])) {
          result.append((String(parts[0]), String(parts[1])))
        } else if index > 0 {
          result[result.count - 1].value += ",\(piece)"
        } else {
          throw ErrorReport("--var \(piece) has no value", next: "write --var NAME=VALUE")
        }
      }
    }
    return result
  }
}
